"""Does an org of Watson let a client in on this way: server name, CAs, certificate, policy?

Sources: "Configuring certificates"; for the server's own conduct its opened proxy, eclipse/amlen
`pxmqtt.c`: facts only, no code.
"""

import dataclasses

from tools.pki.names import owners
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Way
from tools.twin.clouds.watson import policy as policies
from tools.twin.wire.packets import Connect


class Security:
    """What orgs ask, by MQTT and HTTP. cloud: whose refusals and registry these are."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def named(self, connect: Connect, way: Way) -> Connect:
        """With the client id that certificate and server name make, whatever the client sent."""
        org = policies.org_of(way.server_name)
        if org is None or way.certificate is None or connect.client_id.startswith("A:"):
            return connect  # no certificate names a scalable application
        org = self._cloud.store.org(self._cloud.name, org) or org
        derived = policies.client_id(owners(way.certificate), org)
        return dataclasses.replace(connect, client_id=derived or connect.client_id)

    def check_server_name(self, way: Way, org: str) -> None:
        """Whether the TLS client named this org's host, where it must. raises: RefusedError.

        "Configuring certificates": it must once a CA is added or the server certificate replaced.
        """
        named = policies.org_of(way.server_name)
        if named is not None and named.lower() != org.lower():
            reason = f"server name (SNI) is of org {named!r}, client id of org {org!r}"
            raise self._cloud.refused("server name", reason)
        uploaded = self._cloud.certificates
        if (
            way.tls
            and named is None
            and (uploaded.cas(org) or any(own.active for own in uploaded.servers(org)))
        ):
            given = f"{way.server_name!r} is" if way.server_name else "there is"
            reason = (
                f"{given} no server name (SNI) {org}.messaging.DOMAIN, which it has to be since"
                f" org {org} has a CA or a server certificate of its own"
            )
            raise self._cloud.refused("no server name", reason)

    def check_cas(self, way: Way, org: str) -> None:
        """Whether the CAs above a client's certificate still count, and are all there.

        raises: RefusedError.
        """
        if way.certificate is None:
            return
        if not way.cas <= {ca.id for ca in self._cloud.certificates.cas(org) if ca.active}:
            reason = f"org {org} has withdrawn a CA since the handshake; the next one will tell"
            raise self._cloud.refused("CA withdrawn", reason)
        if self._cloud.certificates.lacks_a_ca(org, way.certificate):
            reason = (
                f"org {org} has a self-signed server certificate, which asks for root and"
                f" intermediates of the device's: signet pki register --org {org}, each"
            )
            raise self._cloud.refused("CA missing", reason)

    def check_plain(self, way: Way, org: str) -> None:
        """Whether an org's default policy lets a client in on this way. raises: RefusedError."""
        policy = self._cloud.certificates.policy(org)
        if not (way.tls or policies.POLICIES[policy].plain):
            reason = f"a connection without TLS; the default policy is {policy}"
            raise self._cloud.refused("plain", reason)

    def check_certificate(
        self, way: Way, kind: str, org: str, type_id: str, device_id: str
    ) -> bool:
        """Whether the policy of a type of device wants the token, too. raises: RefusedError."""
        policy = self._cloud.certificates.policy(org, type_id)
        shown = owners(way.certificate) if way.certificate else []
        fits = policies.score(shown, kind, type_id, device_id) > 0
        mistake = policies.mistake(policy, way.tls, way.certificate is not None, fits)
        if mistake is not None:
            hint = policies.HINTS[mistake].format(
                policy=f"the policy of type {type_id} is {policy}",
                shown=" and ".join(shown) or "without a name",
                wanted=f"{kind}:{type_id}:{device_id}",
            )
            if mistake == "no certificate" and not any(
                ca.active for ca in self._cloud.certificates.cas(org)
            ):
                hint += (
                    f"; none is asked for without an active CA: signet pki register --org {org}"
                )
            raise self._cloud.refused(mistake, hint)
        return policies.wants_token(policy, fits)
