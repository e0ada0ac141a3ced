"""The buckets, the database and the cache of the deployed template."""

import re
import ssl
import time
import zipfile
from urllib.parse import parse_qsl, urlsplit

import pytest

from infra.packaging import ROOT
from linkage.store import object_keys
from tests.rendering import of_type, rendered, statements


def test_every_bucket_blocks_public_access(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    assert buckets.keys() == {"UploadsBucket", "StoreBucket", "AccessLogsBucket"}
    for bucket in buckets.values():
        blocked = bucket["PublicAccessBlockConfiguration"]
        assert len(blocked) == 4
        assert all(value is True for value in blocked.values())


def test_every_bucket_belongs_to_the_account_whoever_writes_to_it(template):
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize(
    "condition", [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}]
)
def test_every_bucket_demands_tls(template, condition):
    policies = of_type(template, "AWS::S3::BucketPolicy")

    for bucket in of_type(template, "AWS::S3::Bucket"):
        policy = policies[f"{bucket}Policy"]
        assert policy["Bucket"] == {"Ref": bucket}
        denial = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}],
            "Condition": condition,
        }
        assert denial in statements(policy["PolicyDocument"])


def test_every_bucket_drops_abandoned_uploads_after_a_day(template):
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}} in rules


def test_the_store_is_encrypted_with_a_key_of_its_own_and_the_uploads_with_none_that_a_party_would_need(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    (store,) = buckets["StoreBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (uploads,) = buckets["UploadsBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert store["BucketKeyEnabled"] is True
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["StoreKey", "Arn"]}}
    assert store["ServerSideEncryptionByDefault"] == key
    assert uploads == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert of_type(template, "AWS::KMS::Key")["StoreKey"]["EnableKeyRotation"] is True


def test_what_is_needed_once_expires(template):
    rules = of_type(template, "AWS::S3::Bucket")["StoreBucket"]["LifecycleConfiguration"]["Rules"]

    expiring = {rule["Prefix"] for rule in rules if rule.get("ExpirationInDays") == 14}

    parked = object_keys.parked_encodings("p", "u").partition("/")[0] + "/"
    assert expiring == {object_keys.MANIFEST_PREFIX, parked}


def test_who_asks_the_buckets_for_what_is_logged(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    for name in ("UploadsBucket", "StoreBucket"):
        assert buckets[name]["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "AccessLogsBucket"}
    *_, delivery = statements(of_type(template, "AWS::S3::BucketPolicy")["AccessLogsBucketPolicy"]["PolicyDocument"])
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_browsers_may_upload_and_read_results(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    (uploads,) = buckets["UploadsBucket"]["CorsConfiguration"]["CorsRules"]
    (store,) = buckets["StoreBucket"]["CorsConfiguration"]["CorsRules"]

    assert {"PUT", "POST"} <= set(uploads["AllowedMethods"])
    assert uploads["ExposedHeaders"] == ["ETag"]  # without it a multipart upload cannot be completed
    assert set(store["AllowedMethods"]) == {"GET", "HEAD"}
    assert uploads["AllowedOrigins"] == store["AllowedOrigins"] == {"Ref": "BrowserOrigins"}


def test_manifests_alone_start_the_intake(template):
    store = of_type(template, "AWS::S3::Bucket")["StoreBucket"]

    (notification,) = store["NotificationConfiguration"]["QueueConfigurations"]

    (rule,) = notification["Filter"]["S3Key"]["Rules"]
    assert rule == {"Name": "prefix", "Value": object_keys.MANIFEST_PREFIX}
    assert notification["Queue"] == {"Fn::GetAtt": ["IntakeQueue", "Arn"]}


def test_the_database_sleeps_is_encrypted_and_is_reached_from_inside_alone(template):
    database = template["Resources"]["Database"]
    properties = database["Properties"]

    assert properties["ServerlessV2ScalingConfiguration"]["MinCapacity"] == 0
    assert properties["StorageEncrypted"] is True
    assert properties["Port"] == 5432  # CloudFormation's default is MySQL's
    assert database["DeletionPolicy"] == database["UpdateReplacePolicy"] == "Snapshot"
    assert of_type(template, "AWS::RDS::DBInstance")["DatabaseInstance"]["PubliclyAccessible"] is False
    assert template["Resources"]["DatabaseParameters"]["Properties"]["Parameters"]["rds.force_ssl"] == "1"


def test_a_database_from_a_snapshot_takes_a_new_name_and_what_the_snapshot_knows(source):
    restored = rendered(source, Managed="true", DatabaseSnapshot="arn", DatabaseGeneration="2")

    database = restored["Resources"]["Database"]["Properties"]
    assert not {"DatabaseName", "MasterUsername"} & database.keys()  # RDS refuses them
    assert database["SnapshotIdentifier"] == {"Ref": "DatabaseSnapshot"}
    assert "${DatabaseGeneration}" in database["DBClusterIdentifier"]["Fn::Sub"]  # two cannot have the same name


def test_nobody_has_a_password_of_the_database_and_its_server_is_verified(template, packages):
    properties = template["Resources"]["Database"]["Properties"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]

    assert properties["ManageMasterUserPassword"] is True  # RDS changes it every seven days
    assert "MasterUserPassword" not in properties
    assert properties["EnableIAMDatabaseAuthentication"] is True
    assert variables["DATABASE_IAM"] == {"Ref": "Managed"}
    url = urlsplit(variables["DATABASE_URL"]["Fn::Sub"])
    assert (url.username, url.password) == ("linkage_service", None)
    query = dict(parse_qsl(url.query))
    assert query["sslmode"] == "verify-full"
    (layer,) = packages.glob("layer-linkage-*.zip")
    with zipfile.ZipFile(layer) as archive:
        assert query["sslrootcert"].removeprefix("/opt/") in archive.namelist()


def test_the_migrations_alone_connect_as_the_owner_of_the_tables(template):
    functions = of_type(template, "AWS::Serverless::Function")
    urls = {
        name: each.get("Environment", {}).get("Variables", {}).get("DATABASE_URL") for name, each in functions.items()
    }

    assert urlsplit(urls.pop("Migrate")["Fn::Sub"]).username == "linkage_owner"
    assert not any(urls.values())


def test_the_cache_is_reached_with_tls_and_a_role(template):
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    user = template["Resources"]["CacheUser"]["Properties"]

    url = urlsplit(variables["REDIS_URL"]["Fn::Sub"])
    assert url.scheme == "rediss"
    assert dict(parse_qsl(url.query)) == {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
    assert variables["REDIS_IAM_CACHE"] == {"Ref": "Cache"}
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert user["UserId"] == user["UserName"]  # else IAM does not sign it in
    assert template["Resources"]["Cache"]["Properties"]["UserGroupId"] == {"Ref": "CacheUsers"}


def test_the_certificates_of_databases_are_roots_that_last(template):
    """Three of each region, each signed by itself, for years to come."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ROOT / "layers" / "linkage" / "certificates" / "rds.pem")
    roots = context.get_ca_certs()

    assert len(roots) % 3 == 0
    for root in roots:
        name = dict(pair for (pair,) in root["subject"])["commonName"]
        assert re.fullmatch(r"Amazon RDS [a-z]+-[a-z]+-\d Root CA (RSA2048|RSA4096|ECC384) G1", name)
        assert root["issuer"] == root["subject"]
        assert ssl.cert_time_to_seconds(root["notAfter"]) > time.time() + 2 * 365 * 86400
