"""How does a person see and change topic categories: `signet twin topic`?"""

import re
from typing import Annotated

import typer

from tools.twin.clouds.alibaba.topics import ALWAYS, LONGEST_TOPIC, Categories
from tools.twin.command.console import DEFAULT_STATE, State, call, new_table, print_table, store_of
from tools.twin.registry.store import Store
from tools.ui import UserError, complete, one_of

app = typer.Typer(
    no_args_is_help=True,
    help="Alibaba: to which custom topics a product's devices may publish.",
)

_LEVELS = re.compile(r"[A-Za-z0-9_]{1,64}(/[A-Za-z0-9_]{1,64})*")

_Cloud = Annotated[
    str,
    typer.Argument(
        help="alibaba; no other cloud has topic categories.",
        autocompletion=complete(["alibaba"]),
    ),
]
_Product = Annotated[str, typer.Argument(help="Product key.")]
_Topic = Annotated[
    str, typer.Argument(help="What follows /PRODUCT/DEVICE/ in the topic, as sensor/log.")
]


@app.command("list")
def list_topics(cloud: _Cloud, product: _Product, state: State = DEFAULT_STATE) -> None:
    """List the topic categories with which a product's devices may publish."""
    _check(cloud)
    table = new_table("made", fold=("topic category",))
    with store_of(state) as store:
        _check_product(store, product)
        for made, topics in (("no", ALWAYS), ("yes", Categories(store).of(product))):
            for topic in topics:
                table.add_row(made, f"/{product}/${{deviceName}}/{topic}")
    print_table(table)


@app.command()
def add(cloud: _Cloud, product: _Product, topic: _Topic, state: State = DEFAULT_STATE) -> None:
    """Make a topic category; a running twin lets devices publish there at once."""
    _check(cloud)
    if not _LEVELS.fullmatch(topic) or len(topic) > LONGEST_TOPIC:
        raise UserError(f"{topic!r} is not levels of letters, digits and _, as in sensor/log")
    with store_of(state) as store:
        _check_product(store, product)
        Categories(store).add(product, topic)


@app.command()
def remove(cloud: _Cloud, product: _Product, topic: _Topic, state: State = DEFAULT_STATE) -> None:
    """Take a topic category away that was made."""
    _check(cloud)
    with store_of(state) as store:
        _check_product(store, product)
        if not Categories(store).remove(product, topic):
            listing = call(state, "topic", "list", cloud, product)
            raise UserError(f"{product} has no {topic!r} that was made; see `{listing}`")


def _check_product(store: Store, product: str) -> None:
    """raises: UserError for a product that nobody is registered in."""
    products = dict.fromkeys(device.product for device in store.devices("alibaba"))
    if product not in products:
        known = ", ".join(products) or "none"
        raise UserError(f"alibaba has no product {product!r}; it has: {known}")


def _check(cloud: str) -> None:
    if cloud != "alibaba":
        raise UserError(f"{cloud!r} has no topic categories; {one_of(cloud, ['alibaba'])}")
