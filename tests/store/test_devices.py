from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from devices.model import Device
from store import devices
from store.errors import StoreConflict, StoreMissing
from store.sites import add_site

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool


async def add(connection: AsyncConnection, name: str, lab: str = "kaga", **more: object) -> Device:
    row = {"kind": "generic-logger", "password_hash": f"$7$ of {name}", **more}
    return await devices.add_device(connection, name=name, lab=lab, **row)


async def test_a_device_comes_back_as_it_was_given(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add_site(connection, lab="kaga", slug="field", name_ja="畑", name_en="Field")
        device = await add(connection, "north-1", site="field", label="北の温室", simulated=True)
        expected = Device(
            id=device.id,
            name="north-1",
            lab="kaga",
            kind="generic-logger",
            label="北の温室",
            site="field",
            simulated=True,
        )
        assert device == expected
        assert await devices.get_device(connection, "north-1") == device
        assert await devices.all_devices(connection) == [device]


async def test_a_name_is_taken_over_all_labs(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add(connection, "north-1")
        with pytest.raises(StoreConflict, match="already a device 'north-1'"):
            await add(connection, "north-1", lab="hakusan")
        assert (await devices.get_device(connection, "north-1")).lab == "kaga"


async def test_of_two_who_add_the_same_one_is_told(pool: AsyncConnectionPool) -> None:
    async def try_to() -> str:
        async with pool.connection() as connection:
            try:
                await add(connection, "north-1")
            except StoreConflict:
                return "conflict"
            return "added"

    assert sorted(await asyncio.gather(*(try_to() for _ in range(4)))) == ["added"] + 3 * ["conflict"]


async def test_what_is_not_there_is_named(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add_site(connection, lab="hakusan", slug="field", name_ja="畑", name_en="Field")
        with pytest.raises(StoreMissing, match="no lab 'atlantis'"):
            await add(connection, "north-1", lab="atlantis")
        with pytest.raises(StoreMissing, match="no site 'kaga/field'"):
            await add(connection, "north-1", site="field")
        for verb in (devices.get_device, devices.revoke_device, devices.restore_device):
            with pytest.raises(StoreMissing, match="no device 'north-1'"):
                await verb(connection, "north-1")


@pytest.mark.parametrize("name", ["North", "-x", "chiiki-gateway", "a", "a b", "x" * 64])
async def test_the_database_keeps_the_rule_of_names_too(pool: AsyncConnectionPool, name: str) -> None:
    async with pool.connection() as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            await add(connection, name)
        await connection.rollback()


async def test_another_labs_device_is_not_there(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add(connection, "north-1")
        for verb in (devices.get_device, devices.revoke_device, devices.restore_device):
            with pytest.raises(StoreMissing):
                await verb(connection, "north-1", "hakusan")
        with pytest.raises(StoreMissing):
            await devices.rotate_device(connection, "north-1", "$7$new", "hakusan")
        assert await devices.broker_accounts(connection) == {"north-1": "$7$ of north-1"}


async def test_revoke_and_restore_may_be_repeated(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add(connection, "north-1")
        for _ in range(2):
            assert (await devices.revoke_device(connection, "north-1", "kaga")).revoked
            assert await devices.broker_accounts(connection) == {}
        for _ in range(2):
            assert not (await devices.restore_device(connection, "north-1", "kaga")).revoked
            assert await devices.broker_accounts(connection) == {"north-1": "$7$ of north-1"}


async def test_rotate_changes_the_account_and_keeps_a_revocation(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add(connection, "north-1")
        await devices.rotate_device(connection, "north-1", "$7$new")
        assert await devices.broker_accounts(connection) == {"north-1": "$7$new"}
        await devices.revoke_device(connection, "north-1")
        assert (await devices.rotate_device(connection, "north-1", "$7$newer")).revoked
        assert await devices.broker_accounts(connection) == {}


async def test_services_have_accounts_beside_the_devices(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add(connection, "north-1")
        for password_hash in ("$7$a", "$7$b"):
            await devices.put_service_account(connection, "chiiki-gateway", password_hash)
        accounts = await devices.broker_accounts(connection)
        assert accounts == {"chiiki-gateway": "$7$b", "north-1": "$7$ of north-1"}
        assert await devices.list_service_accounts(connection) == ["chiiki-gateway"]
        with pytest.raises(psycopg.errors.CheckViolation):
            await devices.put_service_account(connection, "gateway", "$7$")
        await connection.rollback()


async def test_pages_add_up_within_a_lab(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        for number in range(5):
            await add(connection, f"north-{number}")
            await add(connection, f"south-{number}", lab="hakusan")
        names, after = [], None
        while page := await devices.list_devices(connection, lab="kaga", after=after, limit=2):
            names += [device.name for device in page]
            after = names[-1]
        assert names == [f"north-{number}" for number in range(5)]
        assert len(await devices.list_devices(connection)) == 10
