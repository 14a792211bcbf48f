"""What does ProperDocs do as this project's code host does?  It calls these functions by name."""

from typing import Any

from tools.docs.markdown import slug


def on_config(config: Any) -> Any:
    """Headings get the anchors that links to them name."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug
    return config
