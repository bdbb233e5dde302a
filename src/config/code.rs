//! The table of all codes: one line for each kind of finding. A code that was released never changes its meaning.

use std::fmt;

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $about:literal;)*) => {
        /// What kind of finding it is, as a code that stays the same when the words change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $about] $name,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code itself, such as `MF0101`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What it is about, in a few words.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                }
            }
        }
    };
}

codes! {
    // Finding and reading files.
    NotFound = "MF0101", "A path that is not there, or no path at all.";
    Unreadable = "MF0102", "A file or folder that cannot be read.";
    NoFiles = "MF0103", "A folder without YAML files.";
    TooLarge = "MF0104", "A file larger than any configuration.";
    NotUtf8 = "MF0105", "A file that is not UTF-8 text.";
    MeshFile = "MF0106", "A part of a mesh that is read as a whole, or more than one mesh.";
    EmptyFile = "MF0107", "A file that says nothing (warning; an error where `owns` would remove what it said).";

    // The YAML itself.
    Syntax = "MF0201", "Not YAML.";
    Tab = "MF0202", "A tab where YAML wants spaces.";
    Quote = "MF0203", "Forgotten quotes.";
    DuplicateKey = "MF0204", "The same key twice in one mapping.";
    Documents = "MF0205", "Several documents in one file.";
    TooDeep = "MF0206", "Nested too deeply.";
    Anchor = "MF0207", "An alias without its anchor, or inside it.";
    Merge = "MF0208", "A merge key (`<<`) that cannot be merged.";
    Tag = "MF0209", "A YAML tag.";

    // Keys and the shape of what stands behind them.
    UnknownKey = "MF0301", "A key that nothing is known by.";
    Misplaced = "MF0302", "A key that holds for the whole mesh, in one file of several.";
    WrongType = "MF0303", "A list, a mapping or a text where something else belongs.";
    Null = "MF0304", "No value, where only `listener_port` may have none.";
    NoHostname = "MF0305", "An instance, override or rule without a `hostname`.";
    NoDefault = "MF0306", "A key that cannot be a default.";
    TwoSpellings = "MF0307", "`instances` and `controller_instances` in one file.";
    NoInstances = "MF0308", "A configuration, or a file with `defaults`, that declares no instances (warning).";
    NoOverride = "MF0309", "A key that cannot be overridden.";
    EmptyOverride = "MF0310", "An override that changes no field.";
    Missing = "MF0311", "A key that must be there and is not.";

    // Single values.
    Hostname = "MF0401", "A hostname that the controller refuses.";
    Pattern = "MF0402", "A host range or pattern that cannot be read.";
    TooMany = "MF0403", "More instances or links than any mesh has.";
    Port = "MF0404", "A port that is none.";
    PrivilegedPort = "MF0405", "A port below 1024 (warning).";
    Capacity = "MF0406", "A capacity adjustment that the controller refuses.";
    NodeType = "MF0407", "A node type that cannot be declared.";
    NodeState = "MF0408", "A node state that cannot be declared.";
    Boolean = "MF0409", "Neither true nor false.";
    Date = "MF0410", "A date that is none.";
    Field = "MF0411", "A field that does not exist.";
    Url = "MF0412", "An address of a controller that cannot be one.";
    MaxRemovals = "MF0413", "Neither a number of removals nor a percentage.";

    // The whole mesh.
    DuplicateHostname = "MF0501", "The same hostname declared twice.";
    DuplicatePeer = "MF0502", "The same peer twice in one list.";
    SelfPeer = "MF0503", "An instance that peers to itself.";
    MutualPeers = "MF0504", "Two instances that peer to each other (warning).";
    UnknownPeer = "MF0505", "A peer that is neither declared nor external.";
    DeafPeer = "MF0506", "A peer that is declared without a listener.";
    DeafFlag = "MF0507", "`peers_from_control_nodes` without a listener.";
    HopWithoutPort = "MF0508", "A hop node whose port is left open (warning).";
    LeavingPeer = "MF0509", "A peer that is declared `deprovisioning`.";
    External = "MF0510", "An `external` entry that is not needed (warning).";
    Replaces = "MF0511", "A `replaces` that cannot be.";
    ProtectedLeaving = "MF0512", "An instance that is protected and declared `deprovisioning`.";
    SimilarHostname = "MF0513", "Hostnames that differ in case alone (warning).";

    // Overrides and settings, against the instances.
    NoMatch = "MF0601", "An override that no declared instance matches.";
    NotManaged = "MF0602", "An override of a field that is otherwise not managed.";
    OverriddenTwice = "MF0603", "One field of one instance, overridden twice.";
    OverrideOver = "MF0604", "An override past its `until` (warning).";
    IgnoreOver = "MF0605", "A rule of `ignore` past its `until`.";
    Unmatched = "MF0606", "A pattern that matches nothing (warning).";
    NotOwned = "MF0607", "Declared instances that `owns` does not match (warning).";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_in_order() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        assert!(codes.iter().all(|code| code.len() == 6 && code.starts_with("MF")), "{codes:?}");
    }
}
