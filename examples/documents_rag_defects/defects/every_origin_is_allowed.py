"""Every web page in the world may use the API with the credentials of the browser that shows it."""


def apply() -> None:
    """Echo whatever origin asks."""
    from reference_rag_defects.parts import allow_every_origin

    allow_every_origin()
