package awsrds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// maxObject bounds what is read of one object; a segment of the journal is smaller.
const maxObject = 8 << 20

// Bucket is journal.Objects on S3.
type Bucket struct {
	client *s3.Client
	name   string
}

var _ journal.Objects = (*Bucket)(nil)

// DialBucket makes the client of a bucket with the ambient credentials and
// Region. endpoint replaces S3's address, "" leaves it to the SDK and so to
// AWS_ENDPOINT_URL_S3; buckets stand in the path then, not in the host name.
func DialBucket(ctx context.Context, name, endpoint string) (*Bucket, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, configFault(ScopeConfig{}, err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // S3 answers where the bucket is; the SDK wants one to sign with
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		setEndpoint(&o.BaseEndpoint, endpoint, "AWS_ENDPOINT_URL_S3")
		o.UsePathStyle = o.BaseEndpoint != nil
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	return &Bucket{client: client, name: name}, nil
}

// Get implements journal.Objects.
func (b *Bucket) Get(ctx context.Context, key string) (journal.Object, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return journal.Object{}, b.fault("read", key, err, false)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err == nil && len(data) > maxObject {
		err = fmt.Errorf("it is larger than %d bytes", maxObject)
	}
	if err != nil {
		return journal.Object{}, fmt.Errorf("read s3://%s/%s: %w", b.name, key, err)
	}
	now := serverDate(out.ResultMetadata)
	return journal.Object{Data: data, ETag: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified), Now: now}, nil
}

// serverDate is the answer's Date; without one this host's clock serves.
func serverDate(m middleware.Metadata) time.Time {
	if resp, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response); ok {
		if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			return t
		}
	}
	return time.Now()
}

// Put implements journal.Objects.
func (b *Bucket) Put(ctx context.Context, key string, data []byte, c journal.Condition) (string, error) {
	in := &s3.PutObjectInput{Bucket: aws.String(b.name), Key: aws.String(key), Body: bytes.NewReader(data), ContentType: aws.String("application/json")}
	if c.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	in.IfMatch = optional(c.ETag)
	out, err := b.client.PutObject(ctx, in)
	if err != nil {
		return "", b.fault("write", key, err, c != journal.Condition{})
	}
	return aws.ToString(out.ETag), nil
}

// List implements journal.Objects.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: aws.String(b.name), Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.fault("list", prefix, err, false)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

// Delete implements journal.Objects.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return b.fault("remove", key, err, false)
	}
	return nil
}

// fault classifies S3's answers. 412 and 409 say that a condition did not hold;
// so does 404 to a conditional write, whose object was removed.
func (b *Bucket) fault(verb, key string, err error, conditional bool) error {
	at := fmt.Sprintf("%s s3://%s/%s", verb, b.name, key)
	var resp *awshttp.ResponseError
	if !errors.As(err, &resp) {
		if verb == "write" && !neverSent(err) {
			return fmt.Errorf("%s: %w: %w", at, journal.ErrLost, err)
		}
		return fmt.Errorf("%s: %w", at, err)
	}
	switch code := resp.HTTPStatusCode(); {
	case code == http.StatusPreconditionFailed, code == http.StatusConflict, code == http.StatusNotFound && conditional:
		return fmt.Errorf("%s: %w", at, journal.ErrConflict)
	case code == http.StatusNotFound && hasAPICode(err, "NoSuchKey", "NotFound"):
		return fmt.Errorf("%s: %w", at, journal.ErrNoObject)
	case code >= 500 && verb == "write":
		return fmt.Errorf("%s: %w: %w", at, journal.ErrLost, err)
	}
	return fmt.Errorf("%s: %w", at, err)
}

func hasAPICode(err error, codes ...string) bool {
	var e interface{ ErrorCode() string }
	return errors.As(err, &e) && slices.Contains(codes, e.ErrorCode())
}
