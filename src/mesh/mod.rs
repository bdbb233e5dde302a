//! The vocabulary of a mesh, free of input and output: what is declared, what is live, and the checked types they are made of.
