//! Sign-in events in the shape of Graph's `signIn` (learn.microsoft.com/graph/api/resources/signin).
