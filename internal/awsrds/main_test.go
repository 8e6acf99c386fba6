package awsrds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

func TestMain(m *testing.M) {
	// Nothing of the machine's own AWS setup may leak into the tests.
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	goleak.VerifyTestMain(m)
}

// fake is an RDS endpoint whose answers a test writes.
type fake struct {
	*httptest.Server
	answer func(f url.Values) (status int, body string)

	mu    sync.Mutex
	forms []url.Values
	auth  []string
}

func newFake(t *testing.T, answer func(f url.Values) (int, string)) *fake {
	t.Helper()
	s := &fake{answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	s.mu.Lock()
	s.forms = append(s.forms, r.PostForm)
	s.auth = append(s.auth, r.Header.Get("Authorization"))
	s.mu.Unlock()
	status, body := s.answer(r.PostForm)
	switch {
	case status == 0: // the answer is lost
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(strings.ToLower(body), "<!doctype"):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	default:
		w.Header().Set("Content-Type", "text/xml")
	}
	w.Header().Set("X-Amzn-Requestid", "req-1")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// calls counts the requests for an API action.
func (s *fake) calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.forms {
		if f.Get("Action") == action {
			n++
		}
	}
	return n
}

// sent is the last request for an action, without the two fields all have.
func (s *fake) sent(action string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]string{}
	for _, f := range s.forms {
		if f.Get("Action") != action {
			continue
		}
		clear(m)
		for k := range f {
			if k != "Action" && k != "Version" {
				m[k] = f.Get(k)
			}
		}
	}
	return m
}

func (s *fake) scope() ScopeConfig {
	return ScopeConfig{Region: "eu-west-1", EndpointURL: s.URL, Rate: -1,
		Delay: func(int) time.Duration { return 0 }}
}

func dial(t *testing.T, scope ScopeConfig) *Client {
	t.Helper()
	c, err := Dial(t.Context(), scope)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// ok is a successful answer of an action.
func ok(action, result string) (int, string) {
	return 200, fmt.Sprintf(`<%[1]sResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><%[1]sResult>%[2]s</%[1]sResult>`+
		`<ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></%[1]sResponse>`, action, result)
}

func refusal(status int, code, message string) (int, string) {
	return status, fmt.Sprintf(`<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error><Type>Sender</Type>`+
		`<Code>%s</Code><Message>%s</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`, code, message)
}

func faultOf(t *testing.T, err error) *bluegreen.Fault {
	t.Helper()
	var f *bluegreen.Fault
	if !errors.As(err, &f) {
		t.Fatalf("no fault: %v", err)
	}
	return f
}

// roundTrip is a transport without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, body string) *http.Response {
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	resp := w.Result()
	resp.Request = r
	return resp
}

var reboot = bluegreen.Action{Kind: bluegreen.RebootInstance, Database: "orders", Instance: "orders"}

// readOnce and changeOnce are one call of each kind.
func readOnce(ctx context.Context, c *Client) error {
	_, err := c.Instances(ctx)
	return err
}

func changeOnce(ctx context.Context, c *Client) error {
	_, err := c.Do(ctx, reboot)
	return err
}
