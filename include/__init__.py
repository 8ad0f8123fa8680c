"""What the pipeline declares rather than programs: settings, schemas, rules, definitions, SQL."""
