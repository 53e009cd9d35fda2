"""One clinical question a file; found by folder (`jobs.rule.all_rules`)."""
