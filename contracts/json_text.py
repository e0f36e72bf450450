"""Values as JSON text that every engine spells alike."""

JSON_OPTIONS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
"""What `to_json` is given. Without it, Spark on a JVM cuts instants off after milliseconds."""


def json_expression(value: str) -> str:
    """The Spark SQL expression of a struct, array or map as JSON; what is null in a struct is left out."""
    options = ", ".join(f"'{name}', \"{option}\"" for name, option in JSON_OPTIONS.items())
    return f"to_json({value}, map({options}))"
