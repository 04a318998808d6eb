"""Runs one object store with the API of Amazon S3 for a test (moto) and ends it with the test.

    PYTHON bucket.py BUCKET

It listens on a free port of 127.0.0.1 and holds one empty bucket in eu-central-1, in memory. It checks signatures
and permissions: the keys of "writer" may do everything, those of "reader" may read objects and list the bucket, those of
"other" may do nothing. When it answers, one JSON line appears on stdout:

    {"url": "http://127.0.0.1:43210", "writer": {"id": ..., "secret": ...}, "reader": ..., "other": ...}

The store ends when stdin is closed.
"""

import json
import logging
import os
import sys
import urllib.request

REGION = "eu-central-1"
ALLOWED = {"writer": ["s3:*"], "reader": ["s3:GetObject", "s3:ListBucket"], "other": ["s3:ListAllMyBuckets"]}


def main():
    bucket = sys.argv[1]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"endpoint_url": url, "region_name": REGION, "aws_access_key_id": "setup", "aws_secret_access_key": "setup"}
    boto3.client("s3", **keys).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    iam, line = boto3.client("iam", **keys), {"url": url}
    for user, actions in ALLOWED.items():
        iam.create_user(UserName=user)
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=user, PolicyName="allowed", PolicyDocument=policy)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        line[user] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    check = urllib.request.Request(url + "/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}, method="POST")
    urllib.request.urlopen(check).close()
    print(json.dumps(line), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
