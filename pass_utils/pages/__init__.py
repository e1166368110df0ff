"""The HTML kit of credit lists and reports: templates, facts, atomic output. Private."""
