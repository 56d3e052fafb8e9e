"""All settings, flat; the environment is read by freelance_ml.env and listed in docs/settings.md."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from whitenoise.compress import Compressor

from freelance_ml import env, logs, mail_url, storage_url
from freelance_ml.local_keys import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent

# Whatever process makes a file, nobody else on the machine may read it; all of ours pass here before they make one.
# What these commands write is part of the program, which others may have to read.
if sys.argv[1:2] not in (["collectstatic"], ["makemigrations"]):
    os.umask(0o077)

# --- where things live -------------------------------------------------------------------------
VAR_DIR = env.path(
    "FREELANCE_ML_VAR",
    str(BASE_DIR / "var"),
    "Folder of everything that the application stores on disk.",
)
LISTEN_ON = env.text("LISTEN_ON", "127.0.0.1", "Address that the web server listens on; 0.0.0.0 for every network.")
PORT = env.number("PORT", "8000", "Port that the web server listens on.", at_least=1)
SITE_URL = env.text(
    "SITE_URL",
    f"http://127.0.0.1:{PORT}",
    "Address under which people reach the site; https turns secure cookies on.",
).rstrip("/")
SECURE_SITE = SITE_URL.startswith("https://")

# --- Django --------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", "false", "Show tracebacks in the browser; never on a machine that others reach.")
SECRET_KEY = env.text(
    "SECRET_KEY",
    "",
    "Key that signs sessions; empty: made once and kept in the folder keys under FREELANCE_ML_VAR.",
) or kept_secret(VAR_DIR / "keys", "django-secret-key")
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS",
    f"{urlsplit(SITE_URL).hostname},localhost,127.0.0.1",
    "Host names that the site answers to.",
)
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "freelance_ml",
    "evaluations",
    "billing",
    "projects",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "template_partials",
    "csp",
    "whitenoise.runserver_nostatic",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]

MIDDLEWARE = [
    "freelance_ml.proxies.ProxyMiddleware",
    "projects.middleware.SharedPagesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "projects.middleware.RequestIdMiddleware",
    "projects.middleware.PrivacyMiddleware",
    "freelance_ml.logs.RequestLogMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "projects.idle.IdleMiddleware",
    "projects.middleware.ActorMiddleware",
    "projects.middleware.FirstRunMiddleware",
]

ROOT_URLCONF = "freelance_ml.urls"
WSGI_APPLICATION = "freelance_ml.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["freelance_ml.templatetags.addresses"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "freelance_ml.context.shell",
            ],
        },
    }
]

# --- database ------------------------------------------------------------------------------------
DATABASE_URL = env.text(
    "DATABASE_URL",
    "",
    "postgres://user:password@host/name; empty: SQLite in the folder under FREELANCE_ML_VAR.",
)
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",  # a read that later writes would else fail at once with "locked"
    "timeout": 20,  # seconds
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
if DATABASE_URL:
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(VAR_DIR / "freelance_ml.sqlite3"),
            "CONN_MAX_AGE": None,  # a new connection reads the whole schema again, for every page
            "OPTIONS": SQLITE_OPTIONS,
        }
    }
    VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

# --- processes -----------------------------------------------------------------------------------
REDIS_SERVER = env.text(
    "REDIS_SERVER",
    "",
    "Redis or Valkey program that `manage.py up` starts; empty: looked for; none: messages go through files.",
)
WEB_WORKERS = env.number("WEB_WORKERS", "2", "Processes of the web server.", at_least=1)
WEB_THREADS = env.number("WEB_THREADS", "4", "Threads of each process of the web server.", at_least=1)
WORKER_PROCESSES = env.number(
    "WORKER_PROCESSES", "0", "Jobs that one worker runs at a time; 0: one for each core, at most 8."
) or min(os.cpu_count() or 1, 8)
TRUSTED_PROXIES = env.words(
    "TRUSTED_PROXIES",
    "",
    "Addresses or networks of the proxies in front, whose X-Forwarded-For and X-Forwarded-Proto are believed.",
)
METRICS_TOKEN = env.text(
    "METRICS_TOKEN", "", "Bearer token that may read /metrics from elsewhere; empty: only this machine may."
)

# --- logs ----------------------------------------------------------------------------------------
LOG_LEVEL = env.text("LOG_LEVEL", "INFO", "Least level that is logged: DEBUG, INFO, WARNING or ERROR.").upper()
LOGGING = logs.configuration(LOG_LEVEL)

# --- people --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "projects.User"
AUTHENTICATION_BACKENDS = ["projects.entry.AccountBackend"]
SESSION_ENGINE = "projects.entry"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "projects.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_CHANGE_EMAIL = True  # the new address replaces the old one once it is proved
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this browser stays; Django ends all others
ACCOUNT_RATE_LIMITS = False  # projects.services.guards counts instead: in the database, in one UPDATE
ACCOUNT_FORMS = {
    "change_password": "projects.accounts.NewPasswordForm",
    "reset_password": "projects.accounts.ForgottenPasswordForm",
}
MFA_ADAPTER = "projects.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # one code before and after: clocks differ
MFA_RATE_LIMITS = False
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up uninvited; else no one with a key could change their address
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE_SITE  # on this machine browsers trust http://localhost
MFA_FORMS = {
    "authenticate": "projects.accounts.SecondFactorForm",
    "reauthenticate": "projects.accounts.SecondFactorAgainForm",
    "activate_totp": "projects.accounts.ActivateAppForm",
    "login_webauthn": "projects.accounts.PasskeyForm",
}
FREELANCE_ML_KEYS = env.text(
    "FREELANCE_ML_KEYS",
    "",
    "Key ring as JSON, for machines that share one; empty: made once in keys/ring.json under FREELANCE_ML_VAR.",
)
# allauth remembers used codes of authenticator apps here, so it must be shared and need no Redis.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "projects_cache"}}

# --- safety --------------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "__Host-session" if SECURE_SITE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE_SITE else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SITE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # seconds since signing in; then everyone signs in again
SESSION_IDLE_MINUTES = env.number(
    "SESSION_IDLE_MINUTES",
    "480",
    "A browser in which nobody did anything for so long is signed out; after 12 hours it is in any case.",
    at_least=6,
)
SECURE_SSL_REDIRECT = SECURE_SITE
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^metrics$"]  # asked from within, without TLS
SECURE_HSTS_SECONDS = 63_072_000 if SECURE_SITE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_SITE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- files ---------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static-built"
STATICFILES_DIRS: list[Path] = []
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # nothing is served under a name that can go stale
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]  # megabytes that nobody loads
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "freelance_ml.finders.NpmFinder",
]
STORAGE_URL = env.text(
    "STORAGE_URL",
    "",
    "s3://bucket/prefix?endpoint=https://host&region=name of the file store; empty: a folder under FREELANCE_ML_VAR.",
)
STORAGES = {
    "default": storage_url.configuration(STORAGE_URL, folder=VAR_DIR / "files"),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

FILE_UPLOAD_HANDLERS = [
    "billing.uploads.BoundedUploadHandler",  # first: what is too large is never written
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- e-mail --------------------------------------------------------------------------------------
vars().update(
    mail_url.configuration(
        env.text(
            "EMAIL_URL",
            "",
            "smtp://user:password@host:587 (STARTTLS), smtps://… (TLS) or smtp+plain://… (neither); "
            "empty: letters become files in the folder mail under FREELANCE_ML_VAR.",
        ),
        folder=VAR_DIR / "mail",
    )
)
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text(
    "EMAIL_FROM",
    f"Freelance ML <no-reply@{urlsplit(SITE_URL).hostname}>",
    "Sender of the letters.",
)

# --- jobs ----------------------------------------------------------------------------------------
REDIS_URL = env.text(
    "REDIS_URL",
    "",
    "redis://host/0 of the broker that several machines share; empty: the embedded one in the folder redis.",
)
BROKER_URL = env.text(
    "BROKER_URL",
    "",
    "Another broker for Celery; filesystem:// needs no server at all. Empty: REDIS_URL.",
)
JOBS_DIR = env.path(
    "JOBS_DIR",
    str(VAR_DIR / "jobs"),
    "Folder in which running jobs have their files; not shared between machines.",
)
JOB_LEASE_SECONDS = env.number(
    "JOB_LEASE_SECONDS",
    "30",
    "A worker that was silent for so long has lost its job.",
    at_least=2,
)
JOB_RESEND_SECONDS = env.number("JOB_RESEND_SECONDS", "15", "A hint that led to nothing for so long is sent again.")
JOB_WISH = env.flag("JOB_WISH", "true", "Send a hint right after the commit; off: the dispatcher's poll starts jobs.")
JOB_MUST_BE_ISOLATED = env.flag(
    "JOB_MUST_BE_ISOLATED",
    "false",
    "Fail jobs on machines that cannot keep them away from the network, instead of saying so on the job.",
)
JOB_KIND_MODULES = env.words("JOB_KIND_MODULES", "", "More modules that register job kinds, for tests.")
JOB_KEEP_DAYS = env.number("JOB_KEEP_DAYS", "90", "Logs of jobs that are over are kept for so many days.", at_least=1)

CELERY_BROKER_URL = BROKER_URL or REDIS_URL or f"redis+socket://{VAR_DIR}/redis/redis.sock?virtual_host=0"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object]
if CELERY_BROKER_URL.startswith("filesystem:"):
    MESSAGES_DIR = VAR_DIR / "messages"
    for folder in ("queue", "control"):
        (MESSAGES_DIR / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": MESSAGES_DIR / "queue",
        "data_folder_out": MESSAGES_DIR / "queue",
        "control_folder": MESSAGES_DIR / "control",
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "global_keyprefix": "freelance_ml:",
        "socket_timeout": 5,  # seconds; without it a frozen Redis holds its clients for ever
        "socket_connect_timeout": 3,
        "health_check_interval": 10,
        "visibility_timeout": 3600,
        "max_retries": 1,  # of one message; the dispatcher sends it again anyway
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]  # never pickle
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True  # the state is in the database
CELERY_TASK_ACKS_LATE = False  # the lease brings a job back; late acknowledgement would only double it
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "long"
CELERY_TASK_QUEUES: dict[str, dict[str, object]] = {"long": {}, "quick": {}}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_WORKER_POOL = "freelance_ml.slots:Slots"
CELERY_WORKER_CONCURRENCY = WORKER_PROCESSES
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = CELERY_BROKER_URL.startswith("redis")
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # nothing is asked over the broker; cancelling goes through the row
CELERY_WORKER_SEND_TASK_EVENTS = False

# --- the client's data ----------------------------------------------------------------------------
SEAL_FILES = env.flag(
    "SEAL_FILES", "false", "Encrypt the client's files at rest, each with a key of its own under the key ring."
)
UPLOAD_MAX_BYTES = env.number("UPLOAD_MAX_GIB", "5", "Largest file that can be uploaded, in GiB.", at_least=1) << 30
UPLOAD_KEEP_HOURS = env.number(
    "UPLOAD_KEEP_HOURS", "48", "After so many hours without a new piece an unfinished upload is swept.", at_least=1
)
WORKSPACE_MAX_BYTES = (
    env.number("WORKSPACE_MAX_GIB", "50", "Most that one workspace may keep in files, in GiB.", at_least=1) << 30
)

# --- language and time ---------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = False  # one language; nothing is looked up in catalogues
USE_TZ = True
TIME_ZONE = "UTC"  # stored and computed in UTC; shown in the workspace's zone

# --- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "projects.api.authentication.TokenAuthentication",
        "projects.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["projects.api.authentication.ActorPermission"],
    "DEFAULT_PARSER_CLASSES": ["projects.api.wire.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "projects.api.wire.JsonAnyway",
    "DEFAULT_PAGINATION_CLASS": "projects.api.wire.BoundedPages",
    "DEFAULT_SCHEMA_CLASS": "projects.api.schema.ProblemSchema",
    "EXCEPTION_HANDLER": "projects.api.problems.answer_problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Freelance ML",
    "DESCRIPTION": "Everything the pages do, for programs. Errors are problem details (RFC 9457) with stable codes.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],  # the product is open source, its form no secret
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "projects.api.schema.add_problem",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
