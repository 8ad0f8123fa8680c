"""The literals of the data contract, written out by hand.

Nothing here is imported from the project: a wrong literal in the project must not also be wrong in its check.
"""

from datetime import UTC, datetime, timedelta

DEAD_LETTER = "dead_letter"

SOURCE_COLUMNS: dict[str, tuple[str, ...]] = {
    "pin": (
        "index",
        "unique_id",
        "title",
        "description",
        "poster_name",
        "follower_count",
        "tag_list",
        "is_image_or_video",
        "image_src",
        "downloaded",
        "save_location",
        "category",
    ),
    "geo": ("ind", "timestamp", "latitude", "longitude", "country"),
    "user": ("ind", "first_name", "last_name", "age", "date_joined"),
}

CLEAN_COLUMNS: dict[str, tuple[str, ...]] = {
    "pin": (
        "ind",
        "unique_id",
        "title",
        "description",
        "follower_count",
        "poster_name",
        "tag_list",
        "is_image_or_video",
        "image_src",
        "save_location",
        "category",
    ),
    "geo": ("ind", "country", "coordinates", "timestamp"),
    "user": ("ind", "user_name", "age", "date_joined"),
}

ADDRESS_COLUMNS = ("topic", "partition", "offset")
"""Our names; the contract says only that the address columns follow `ingest_date` and `ingested_at`."""

RESCUED_COLUMN = "_rescued_data"
"""The last column of every clean table."""

LOG_FIELDS = ("_topic", "_partition", "_offset", "_timestamp")
"""Fields that the sink adds to a record: they are never rescued."""

SOURCE_KEY = {"pin": "unique_id", "geo": "ind", "user": "ind"}
"""The key column of each data set; it has the same name in the source and in the clean table."""

OPTIONAL_COLUMNS: frozenset[str] = frozenset()  # a record may do without them

PLACEHOLDERS: dict[str, frozenset[str]] = {
    "title": frozenset({"No Title Data Available", "Untitled", "Robot Challenge Screen"}),
    "description": frozenset(
        {"No description available Story format", "No description available", "Untitled"},
    ),
    "poster_name": frozenset({"User Info Error"}),
    "follower_count": frozenset({"User Info Error"}),
    "tag_list": frozenset({"N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"}),
    "image_src": frozenset({"Image src error."}),
}
"""The columns that may be NULL, with the texts that stand for NULL (besides the empty one)."""

SAVE_LOCATION_PREFIX = "Local save in "

CATEGORIES = frozenset(
    {
        "art",
        "beauty",
        "christmas",
        "diy-and-crafts",
        "education",
        "event-planning",
        "finance",
        "home-decor",
        "mens-fashion",
        "quotes",
        "tattoos",
        "travel",
        "vehicles",
    },
)
MEDIA_TYPES = frozenset({"image", "video", "multi-video(story page format)"})

AGE_RANGE = (13, 120)
LATITUDE_RANGE = (-90.0, 90.0)
LONGITUDE_RANGE = (-180.0, 180.0)
EARLIEST_TIME = datetime(2005, 1, 1, tzinfo=UTC)
LATEST_AFTER_LOG = timedelta(hours=24)

INT_MAX = 2_147_483_647
BIGINT_MAX = 9_223_372_036_854_775_807

FOLLOWER_SUFFIXES = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
