"""The 46 faults: what each is, what has to happen, and the test that holds it. `docs/faults.md` is made from this list.

Numbers are names: they stay when a row is added, and docstrings of tests use them.
"""

from typing import Final

import msgspec

_KILL = "tests/chaos/test_kill.py"
_FAULTS = "tests/chaos/test_faults.py"
_STORM = "tests/chaos/test_storm.py"
_DATABASE = "tests/chaos/test_database.py"
_DISK = "tests/chaos/test_disk.py"
_SERVICES = "tests/chaos/test_services.py"
_TENANTS = "tests/chaos/test_tenants.py"
_COUPONS = "tests/chaos/crowd/test_coupons.py"
_CAPS = "tests/chaos/crowd/test_caps.py"
_CLOCK = "tests/chaos/test_clock.py"
_BACKUP = "tests/chaos/test_backup.py"
_RETRIES = "tests/journeys/test_retries.py"
_LANES = "tests/journeys/test_lanes.py"
_DEVICES = "tests/journeys/test_devices.py"
_HTTP2 = "tests/wire/test_http2_faults.py"
_APNS = "tests/transports/test_apns_rows.py"
_FCM = "tests/transports/test_fcm_rows.py"


class Case(msgspec.Struct, frozen=True):
    """One fault. Without a test: `missing` is the feature that it waits for."""

    number: int
    fault: str
    expected: str
    tests: tuple[str, ...] = ()
    missing: str = ""

    @property
    def name(self) -> str:
        """F1 to F46."""
        return f"F{self.number}"


CASES: Final = (
    Case(
        1,
        "One of two workers gets SIGKILL",
        "the others finish; bounded copies",
        (f"{_KILL}::test_a_worker_is_killed",),
    ),
    Case(
        2,
        "All workers get SIGKILL",
        "their successors go on without an operator",
        (f"{_KILL}::test_all_workers_are_killed",),
    ),
    Case(
        3,
        "SIGKILL every few seconds",
        "progress never goes back; bounded copies",
        (f"{_KILL}::test_workers_are_killed_again_and_again",),
    ),
    Case(
        4,
        "SIGTERM under load",
        "exit code 0 in time, no copies",
        (
            f"{_KILL}::test_a_stop_and_a_start_send_nothing_twice",
            f"{_FAULTS}::test_a_stop_waits_for_slow_services_without_a_second_copy",
        ),
    ),
    Case(
        5,
        "A worker sleeps beyond its lease and wakes",
        "what it writes is refused; counts exact",
        (f"{_FAULTS}::test_a_worker_sleeps_through_its_lease",),
    ),
    Case(
        6,
        "Postgres gets SIGKILL",
        "not ready meanwhile, 503 with Retry-After; no 202 lost, no copies",
        (f"{_KILL}::test_postgres_is_killed", f"{_FAULTS}::test_what_got_a_202_is_sent_once_per_key"),
    ),
    Case(7, "Postgres is shut down fast", "a pause", (f"{_KILL}::test_postgres_restarts",)),
    Case(
        8,
        "Connections to Postgres are cut all the time",
        "nothing lost, no copies",
        (
            f"{_STORM}::test_connections_to_postgres_are_cut_all_the_time",
            f"{_STORM}::test_connections_to_postgres_are_cut_for_a_minute",
        ),
    ),
    Case(
        9,
        "The answer to a COMMIT is lost",
        "the same key gets the same message; nobody is told twice",
        (f"{_DATABASE}::test_the_answer_to_a_commit_is_lost",),
    ),
    Case(
        10,
        "No connection to Postgres is to be had",
        "503 within a second; it heals by itself",
        (f"{_DATABASE}::test_no_connection_is_to_be_had",),
    ),
    Case(
        11,
        "A lock on the devices that stays",
        "503 in the end, nobody hangs, nothing piles up",
        (f"{_DATABASE}::test_somebody_locks_the_devices",),
    ),
    Case(
        12,
        "The disk of the database is full",
        "503; no 202 is lost; it goes on when there is space",
        (f"{_DISK}::test_the_disk_of_the_database_is_full",),
    ),
    Case(
        13,
        "The disk of the logs is full",
        "it serves and sends; lines are dropped and counted",
        (f"{_DISK}::test_the_disk_of_the_logs_is_full",),
    ),
    Case(14, "Postgres panics, as after an error of fsync", "as F6", (f"{_KILL}::test_postgres_panics",)),
    Case(
        15,
        "A push service is down",
        "its lane waits, others go on; all are reached later but who expired",
        (f"{_SERVICES}::test_a_service_is_down",),
    ),
    Case(
        16,
        "Retry-After: seconds, date, garbage, negative, huge",
        "honoured, an hour at most; nonsense ignored",
        (f"{_RETRIES}::test_retry_after_is_honoured_within_reason", f"{_RETRIES}::test_retry_after_may_be_a_date"),
    ),
    Case(
        17,
        "429 for a third, then for everybody",
        "the rate falls within seconds and recovers; nobody is lost",
        (f"{_SERVICES}::test_a_service_wants_less",),
    ),
    Case(
        18,
        "Half a minute for each answer",
        "requests bounded, memory flat, others as quick as ever",
        (f"{_SERVICES}::test_a_slow_service_slows_nobody_else",),
    ),
    Case(
        19,
        "A push service takes connections and is silent",
        "a deadline, then another try under the same topic",
        (f"{_SERVICES}::test_a_service_never_answers",),
    ),
    Case(
        20,
        "Connections are reset, answers cut in the middle",
        "another try, counted apart",
        (f"{_SERVICES}::test_answers_are_cut", f"{_SERVICES}::test_foul_weather_on_the_way"),
    ),
    Case(
        21,
        "HTTP/2: GOAWAY",
        "what was not processed is sent again at once, the rest is unknown",
        (f"{_HTTP2}::test_behind_a_goodbye_only_what_was_not_processed_is_sent_again",),
    ),
    Case(22, "HTTP/2: a stream is refused", "sent again; no hang", (f"{_HTTP2}::test_a_refused_stream_is_sent_again",)),
    Case(
        23,
        "HTTP/2: one stream at a time from now on",
        "obeyed",
        (f"{_HTTP2}::test_fewer_streams_are_obeyed_at_any_time",),
    ),
    Case(
        24,
        "HTTP/2: 5,000 error bodies on one connection",
        "no stall",
        (f"{_HTTP2}::test_5000_error_bodies_on_one_connection_do_not_stall_it",),
    ),
    Case(
        25,
        "A certificate that nobody vouches for, or for another name",
        "nothing is sent; the lane stops; nobody dropped",
        (f"{_SERVICES}::test_nobody_vouches_for_the_certificate",),
    ),
    Case(
        26,
        "A name is lost, or leads inside",
        "waited for; refused, without a connection",
        (
            f"{_LANES}::test_a_service_whose_name_is_lost_is_waited_for",
            f"{_DEVICES}::test_a_name_that_changes_its_answer_is_not_followed",
        ),
    ),
    Case(27, "Redirects", "not followed", (f"{_SERVICES}::test_redirects_lead_nowhere",)),
    Case(
        28,
        "An answer of 10 MB, or a byte a second",
        "cut; memory flat; everybody settled",
        (f"{_SERVICES}::test_endless_answers_end",),
    ),
    Case(
        29,
        "All device tokens are of another environment",
        "the lane stops, nobody is dropped",
        (f"{_APNS}::test_the_wrong_environment_costs_no_device",),
    ),
    Case(
        30,
        "Every push is refused for our key",
        "the lane stops early, nobody is dropped",
        (f"{_SERVICES}::test_our_key_is_refused",),
    ),
    Case(
        31,
        "A tenth of the devices is gone",
        "dropped once, never contacted again; counts right",
        (f"{_SERVICES}::test_a_tenth_of_the_devices_is_gone",),
    ),
    Case(
        32,
        "A goodbye older than the device's return",
        "the device is kept",
        (f"{_DEVICES}::test_a_device_that_came_back_survives_an_older_goodbye",),
    ),
    Case(
        33,
        "The token endpoint is down, refuses, or our clock is wrong",
        "that provider's lane waits or stops",
        (f"{_FCM}::test_a_disabled_account_stops_the_lane", f"{_FCM}::test_a_clock_that_is_ten_minutes_off_is_named"),
    ),
    Case(
        34,
        "A provider token expires under everybody",
        "renewed once",
        (f"{_APNS}::test_a_token_that_expires_under_everybody_is_renewed_once",),
    ),
    Case(
        35,
        "The wall clock of a worker jumps by two hours",
        "nothing early, no lease stolen, signatures valid",
        (f"{_CLOCK}::test_the_wall_clock_of_a_worker_jumps",),
    ),
    Case(
        36,
        "Summer time begins or ends under a local send time",
        "sent once, at the right hour",
        missing="sending at a local time",
    ),
    Case(37, "Poisoned recipients", "each fails alone", (f"{_SERVICES}::test_a_poisoned_recipient_fails_alone",)),
    Case(
        38,
        "A worker stands still",
        "its leases run out; the others take over; bounded copies",
        (f"{_TENANTS}::test_a_worker_stands_still_until_all_is_done",),
    ),
    Case(
        39,
        "Pause, resume, cancel, double clicks in the middle",
        "what is under way at most; exact counts",
        (f"{_TENANTS}::test_clicks_in_the_middle_of_a_send",),
    ),
    Case(
        40,
        "Two versions of the gateway on one schema",
        "both work",
        missing="a first release: so far, `tests/store/test_migrate.py` applies new migrations to old data",
    ),
    Case(41, "The receiver of webhooks is down", "events queued, retried, parked", missing="webhooks"),
    Case(
        42,
        "A big sender beside a small one",
        "the small one's pushes leave within a second",
        (f"{_TENANTS}::test_a_small_sender_does_not_wait_for_a_big_one",),
    ),
    Case(43, "One key from fifty clients at once", "one message", (f"{_FAULTS}::test_fifty_clients_use_one_key",)),
    Case(
        44,
        "A backup from a while ago is restored",
        "nothing is sent again without an operator's word",
        (f"{_BACKUP}::test_a_restored_backup_sends_nothing_by_itself",),
    ),
    Case(
        45,
        "Workers, or Postgres, get SIGKILL in the middle of a campaign with coupons",
        "no code twice, no person with two codes, on whichever of their devices",
        (
            f"{_COUPONS}::test_a_worker_is_killed_while_it_gives_codes",
            f"{_COUPONS}::test_postgres_is_killed_while_codes_are_given",
        ),
    ),
    Case(
        46,
        "Workers get SIGKILL between two campaigns under a cap of one a day",
        "everybody gets one of them, nobody both; copies replace each other",
        (f"{_CAPS}::test_workers_are_killed_between_two_campaigns_under_a_cap",),
    ),
)
