"""One suggestion a file; found by folder (`jobs.escalation.all_escalations`)."""
