//! Black-box tests of the library, a module a behaviour.

mod compiling;
