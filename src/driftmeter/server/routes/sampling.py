"""What a server tells sources of the texts that it wants."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

UnseenTextsWanted = Annotated[
    bool, Meta(description="Whether panes may carry texts of categories that the reference never held.")
]
