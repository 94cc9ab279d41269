"""The verbs, one module a group; importing a module adds its verbs to the application."""
