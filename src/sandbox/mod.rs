//! A simulated controller that answers the API of AWX over HTTP with the rules that were measured on real ones. It shares
//! nothing with the rest of the program, so that a wrong belief in the planner is caught here and not repeated.
