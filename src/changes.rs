//! What differs between two readings of the policies, object by object, in the words of the files.
