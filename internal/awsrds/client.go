// Package awsrds is the adapter to AWS: facts in, actions out. It is the only
// package that imports the AWS SDK.
//
// A [Client] belongs to one account and Region. Every call passes its rate
// limiter, every answer is looked at before the SDK parses it, and every error
// comes out as a *bluegreen.Fault that says what the operator may do next.
// Reads are repeated while that can help. A mutating call is only repeated
// when AWS refused it or never received it; when its answer was lost, the
// fault is bluegreen.Ambiguous and the caller has to look first.
package awsrds

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/time/rate"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// DefaultRate is how many calls per second a Client makes when ScopeConfig
// does not say. RDS refills 12 a second for everybody in the account and
// Region together, consoles and other tools included
// (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html).
const DefaultRate = 4

// How long one HTTP exchange may take. RDS answers within seconds; a create
// has been seen to need tens of them.
const (
	dialTimeout = 10 * time.Second
	callTimeout = 90 * time.Second
)

// ScopeConfig is one account and Region, and the way to it.
type ScopeConfig struct {
	// AccountID is checked by CheckIdentity; "" accepts any account.
	AccountID string
	// AccountName is for messages.
	AccountName string
	// Profile is a profile of the shared AWS config; "" takes the ambient credentials.
	Profile string
	// RoleARN is assumed when set, with ExternalID if that is set too. The
	// role's credentials are renewed before they expire.
	RoleARN    string
	ExternalID string
	Region     string
	// EndpointURL replaces the address of every AWS service. For the services
	// other than RDS, the SDK's own AWS_ENDPOINT_URL_<SERVICE> comes first.
	// "" leaves it all to the SDK, and so to AWS_ENDPOINT_URL_RDS.
	EndpointURL string

	// Rate is calls per second; 0 is DefaultRate, below 0 is no limit.
	Rate float64
	// HTTPClient replaces the transport (tests, the model in process). Redirects
	// are never followed, whatever it says.
	HTTPClient *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Delay is the pause before another attempt, the first repetition being 1;
	// nil is exponential with jitter.
	Delay func(attempt int) time.Duration
	// Trace, when set, is told of every HTTP exchange, from the goroutine that made it.
	Trace func(Call)
}

// Client talks to RDS, and to the services next to it, in one account and
// Region. It may be used by many goroutines.
type Client struct {
	scope   ScopeConfig
	creds   aws.CredentialsProvider
	read    *rds.Client // repeats what may be repeated
	change  *rds.Client // repeats refusals only
	sts     *sts.Client
	secrets *secretsmanager.Client
	metrics *cloudwatch.Client
	wire    *wire
	idle    func()
}

// Dial makes the Client of a scope. It reads the shared AWS config and makes no call to
// AWS: wrong credentials show with the first call.
func Dial(ctx context.Context, scope ScopeConfig) (*Client, error) {
	if err := scope.check(); err != nil {
		return nil, err
	}
	if scope.Now == nil {
		scope.Now = time.Now
	}
	// The SDK's own log would write to stderr, between our lines; Trace tells more.
	options := []func(*config.LoadOptions) error{config.WithRegion(scope.Region), config.WithLogger(logging.Nop{})}
	if scope.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(scope.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, configFault(scope, err)
	}
	base := scope.HTTPClient
	if base == nil {
		base = httpClient(cfg)
	}
	c := &Client{scope: scope, idle: base.CloseIdleConnections}
	c.wire = &wire{next: withoutRedirects(base), now: scope.Now, trace: scope.Trace}
	limiter := rate.NewLimiter(limit(scope.Rate), burst(scope.Rate))
	c.sts = sts.NewFromConfig(cfg, func(o *sts.Options) {
		o.HTTPClient = c.wire
		o.Retryer = &retryer{delay: scope.Delay}
		setEndpoint(&o.BaseEndpoint, scope.EndpointURL, "AWS_ENDPOINT_URL_STS")
	})
	if scope.RoleARN != "" {
		cfg.Credentials = aws.NewCredentialsCache(
			stscreds.NewAssumeRoleProvider(c.sts, scope.RoleARN, scope.roleOptions),
			func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
	}
	c.creds = cfg.Credentials
	c.read = rds.NewFromConfig(cfg, c.rdsOptions(&retryer{limiter: limiter, delay: scope.Delay}))
	c.change = rds.NewFromConfig(cfg, c.rdsOptions(&retryer{limiter: limiter, delay: scope.Delay, change: true}))
	c.secrets = secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		o.HTTPClient = c.wire
		o.Retryer = &retryer{delay: scope.Delay}
		setEndpoint(&o.BaseEndpoint, scope.EndpointURL, "AWS_ENDPOINT_URL_SECRETS_MANAGER")
	})
	c.metrics = cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		o.HTTPClient = c.wire
		o.Retryer = &retryer{delay: scope.Delay}
		setEndpoint(&o.BaseEndpoint, scope.EndpointURL, "AWS_ENDPOINT_URL_CLOUDWATCH")
	})
	return c, nil
}

// Scope is the scope the client was made for.
func (c *Client) Scope() ScopeConfig { return c.scope }

// Close drops idle connections.
func (c *Client) Close() { c.idle() }

func (c *Client) rdsOptions(r *retryer) func(*rds.Options) {
	return func(o *rds.Options) {
		o.HTTPClient = c.wire
		o.Retryer = r
		setEndpoint(&o.BaseEndpoint, c.scope.EndpointURL, "")
	}
}

func (s ScopeConfig) roleOptions(o *stscreds.AssumeRoleOptions) {
	o.RoleSessionName = "rdsupgrade"
	if s.ExternalID != "" {
		o.ExternalID = aws.String(s.ExternalID)
	}
}

// check refuses a scope that no call could succeed with.
func (s ScopeConfig) check() error {
	if s.Region == "" {
		return &bluegreen.Fault{Code: "NoRegion", Message: "no AWS Region given", Consequence: bluegreen.Fix}
	}
	if strings.Trim(s.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return &bluegreen.Fault{Code: "BadRegion", Consequence: bluegreen.Fix,
			Message: oneLine(s.Region) + " is not the name of an AWS Region"}
	}
	if s.EndpointURL == "" {
		return nil
	}
	u, err := url.Parse(s.EndpointURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return &bluegreen.Fault{Code: "BadEndpoint", Consequence: bluegreen.Fix,
			Message: "endpoint URL must look like https://host:port, not " + oneLine(s.EndpointURL)}
	}
	return nil
}

// setEndpoint makes endpoint the service's address unless the environment
// names one for that service.
func setEndpoint(target **string, endpoint, env string) {
	if endpoint == "" || (env != "" && os.Getenv(env) != "") {
		return
	}
	*target = aws.String(endpoint)
}

func limit(perSecond float64) rate.Limit {
	switch {
	case perSecond < 0:
		return rate.Inf
	case perSecond == 0:
		return DefaultRate
	}
	return rate.Limit(perSecond)
}

// burst lets a second's worth of calls through at once.
func burst(perSecond float64) int {
	if perSecond <= 0 {
		return DefaultRate
	}
	return max(1, int(perSecond))
}

// httpClient is the SDK's client, with AWS_CA_BUNDLE and proxies, and with our timeouts.
func httpClient(cfg aws.Config) *http.Client {
	var transport *http.Transport
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		transport = b.GetTransport()
	} else {
		transport = awshttp.NewBuildableClient().GetTransport()
	}
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	return &http.Client{Transport: transport, Timeout: callTimeout}
}

// withoutRedirects copies the client: a redirected POST would arrive as a GET.
func withoutRedirects(c *http.Client) *http.Client {
	d := *c
	d.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &d
}

// configFault explains why the shared AWS config cannot be used.
func configFault(s ScopeConfig, err error) error {
	f := &bluegreen.Fault{Code: "BadConfig", Message: "read the AWS config: " + oneLine(err.Error()),
		Consequence: bluegreen.Fatal, Err: err}
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) {
		f.Code = "NoProfile"
		f.Message = "there is no profile " + oneLine(missing.Profile) + " in the AWS config"
	}
	return f
}

// Factory hands out one Client per scope, so that everything in one account
// and Region shares one rate limiter.
type Factory struct {
	mu      sync.Mutex
	clients map[scopeKey]*Client
}

type scopeKey struct{ account, profile, role, external, region, endpoint string }

// Client is the client of the scope, made at the first call. Rate, transport,
// clock and trace of a later call for the same scope are not looked at.
func (f *Factory) Client(ctx context.Context, s ScopeConfig) (*Client, error) {
	key := scopeKey{s.AccountID, s.Profile, s.RoleARN, s.ExternalID, s.Region, s.EndpointURL}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.clients[key]; c != nil {
		return c, nil
	}
	c, err := Dial(ctx, s)
	if err != nil {
		return nil, err
	}
	if f.clients == nil {
		f.clients = make(map[scopeKey]*Client)
	}
	f.clients[key] = c
	return c, nil
}

// Close closes every client.
func (f *Factory) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.clients {
		c.Close()
	}
	f.clients = nil
}
