"""What may a person add to a twin's registry: which devices, gateways, applications; of which org?

One set of rules for the command line and for the page.
"""

from cryptography import x509

from tools.twin.clouds import CLOUDS
from tools.twin.registry.store import Device, Store
from tools.ui import UserError, one_of


def which(kind: str) -> str:
    """The clouds that have such a kind of entry, for a person."""
    return ", ".join(each.name for each in CLOUDS.values() if kind in each.product_forms)


def check_cloud(cloud: str) -> None:
    """raises: UserError for a cloud that there is not."""
    if cloud not in CLOUDS:
        raise UserError(f"there is no cloud {cloud!r}; {one_of(cloud, CLOUDS)}")


def add(
    store: Store,
    cloud: str,
    kind: str,
    product: str,
    name: str = "",
    *,
    behind: str = "",
    certificate: x509.Certificate | None = None,
) -> Device:
    """Add a device, a gateway or an application, whose secret is made.

    kind: one of the registry's. name: of an application none, it is made. behind: the label of
    the gateway that a device is behind. certificate: what it logs in with instead of a secret,
    where the cloud takes any. raises: UserError that says what to mend.
    """
    check_cloud(cloud)
    application = kind == "application"
    rules = CLOUDS[cloud]
    if needed := {kind, "gateway" if behind else kind} - rules.product_forms.keys():
        what = needed.pop()
        raise UserError(f"the twin's {cloud} has no {what}s; they are of: {which(what)}")
    if kind != "device" and behind:
        raise UserError("it is one: a gateway, an application, or a device behind a gateway")
    if application and name:
        raise UserError(f"the API key is made, for all of the org; leave out {name!r}")
    if not (application or name):
        raise UserError("there is no NAME: the device key, device name or device id comes last")
    form = rules.product_forms[kind]
    parts = product.split("/")
    if len(parts) != 1 + form.count("/"):
        raise UserError(f"{product!r} is not of the form {form}")
    rule, words = rules.name_rule
    for part in parts if application else [*parts, name]:
        if not rule.fullmatch(part):
            raise UserError(f"{part!r} is not 1 to {words}")
    _check_spelling(store, cloud, product)
    if application:
        name = rules.new_name(product)
    for other in ("device", "gateway"):
        if store.device(cloud, other, product, name):
            raise UserError(f"{cloud} has a {other} {name!r} in {product!r} already")
    router, _, router_id = behind.rpartition("/")
    found = store.device(cloud, "gateway", router, router_id)
    if behind and (found is None or router.split("/")[0] != product.split("/", maxsplit=1)[0]):
        raise UserError(f"{cloud} has no gateway {behind!r} in the org of {product!r}")
    secret = rules.new_secret()
    added = store.add(cloud, kind, product, name, secret=secret, gateway=behind)
    if certificate is not None:
        rules(store).trust(added, certificate)
    return added


def _check_spelling(store: Store, cloud: str, product: str) -> None:
    """Orgs are in host names, which know no case. raises: UserError."""
    org = product.partition("/")[0]
    if CLOUDS[cloud].client_certificates != "by org":
        return
    known = store.org(cloud, org)
    if known not in (None, org):
        raise UserError(f"org {org!r} differs from {known!r} in upper and lower case only")


def check_org(store: Store, org: str, mend: str) -> None:
    """raises: UserError for an org that nobody is registered in. mend: what makes one."""
    clouds = [each.name for each in CLOUDS.values() if each.client_certificates == "by org"]
    if not any(store.org(cloud, org) == org for cloud in clouds):
        every = (device for cloud in clouds for device in store.each(cloud))
        orgs = dict.fromkeys(device.product.partition("/")[0] for device in every)
        known = ", ".join(orgs) or "none"
        raise UserError(f"there is no org {org!r}; there is: {known}. {mend}")


def check_type(store: Store, org: str, type_id: str) -> None:
    """raises: UserError for a type that no device of the org is registered in."""
    clouds = [each.name for each in CLOUDS.values() if each.client_certificates == "by org"]
    if type_id and not any(store.has(cloud, f"{org}/{type_id}") for cloud in clouds):
        every = (device for cloud in clouds for device in store.each(cloud))
        products = (device.product.partition("/") for device in every)
        known = ", ".join(sorted({kind for name, _, kind in products if name == org} - {""}))
        raise UserError(f"org {org} has no device of type {type_id!r}; it has: {known}")
