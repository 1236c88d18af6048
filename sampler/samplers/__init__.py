"""Built-in samplers. Each loads only when it is named."""
