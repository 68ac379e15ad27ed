//! Audit records in the shape of Graph's `directoryAudit` (learn.microsoft.com/graph/api/resources/directoryaudit).
