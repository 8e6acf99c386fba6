package awsrds

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

const callerXML = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
	`<Arn>arn:aws:iam::123456789012:user/sre</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

const roleXML = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
	`<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>` +
	`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`

func TestCheckIdentity(t *testing.T) {
	s := newFake(t, func(url.Values) (int, string) { return 200, callerXML })
	scope := s.scope()
	scope.AccountID = "123456789012"
	id, err := dial(t, scope).CheckIdentity(t.Context())
	if err != nil || id.Account != "123456789012" || id.ARN != "arn:aws:iam::123456789012:user/sre" {
		t.Errorf("%+v, %v", id, err)
	}
	scope.AccountID = "999999999999"
	_, err = dial(t, scope).CheckIdentity(t.Context())
	if f := faultOf(t, err); f.Code != WrongAccount || f.Consequence != bluegreen.Fatal {
		t.Errorf("%v, %s", f, f.Consequence)
	}
}

// With a role, every call is signed with the role's credentials, which are
// fetched once.
func TestRole(t *testing.T) {
	s := newFake(t, func(f url.Values) (int, string) {
		switch a := f.Get("Action"); a {
		case "AssumeRole":
			return 200, roleXML
		case "GetCallerIdentity":
			return 200, callerXML
		default:
			return ok(a, "")
		}
	})
	scope := s.scope()
	scope.RoleARN, scope.ExternalID = "arn:aws:iam::1:role/r", "ext"
	c := dial(t, scope)
	if err := errors.Join(readOnce(t.Context(), c), changeOnce(t.Context(), c), second2(c.CallerIdentity(t.Context()))); err != nil {
		t.Fatal(err)
	}
	if m := s.sent("AssumeRole"); m["RoleArn"] != scope.RoleARN || m["ExternalId"] != "ext" || s.calls("AssumeRole") != 1 {
		t.Errorf("%d times %v", s.calls("AssumeRole"), m)
	}
	for i, f := range s.forms {
		if key := "ASIAROLE"; f.Get("Action") != "AssumeRole" && !strings.Contains(s.auth[i], key) {
			t.Errorf("%s is signed with %s", f.Get("Action"), s.auth[i])
		}
	}
}

func second2(_ Identity, err error) error { return err }

// When the role cannot be had, the mutating call was not made: no ambiguity,
// and no attempts upon attempts.
func TestRoleRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		status, attempts  int
		code, consequence string
	}{
		"denied": {403, 1, "AccessDenied", string(bluegreen.Fatal)},
		"broken": {500, 6, "InternalFailure", string(bluegreen.Retry)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(url.Values) (int, string) { return refusal(tt.status, tt.code, "not you") })
			scope := s.scope()
			scope.RoleARN = "arn:aws:iam::1:role/r"
			f := faultOf(t, changeOnce(t.Context(), dial(t, scope)))
			if f.Code != tt.code || string(f.Consequence) != tt.consequence || f.Op != "AssumeRole" {
				t.Errorf("%v, %s", f, f.Consequence)
			}
			if s.calls("AssumeRole") != tt.attempts || s.calls("RebootDBInstance") != 0 {
				t.Errorf("%d times AssumeRole, %d times the call", s.calls("AssumeRole"), s.calls("RebootDBInstance"))
			}
			noNoise(t, f)
		})
	}
}

func TestNoCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	s := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), "") })
	c := dial(t, s.scope())
	for _, call := range []func(context.Context, *Client) error{readOnce, changeOnce} {
		f := faultOf(t, call(t.Context(), c))
		if f.Code != NoCredentials || !strings.Contains(f.Message, "log in") || f.Consequence != bluegreen.Fatal || len(s.forms) != 0 {
			t.Errorf("%v, %s after %d calls", f, f.Consequence, len(s.forms))
		}
		noNoise(t, f)
	}
	if _, err := c.AuthToken(t.Context(), "h:3306", "u"); faultOf(t, err).Code != NoCredentials {
		t.Errorf("token: %v", err)
	}
}

func TestExpiredSSO(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "config")
	text := "[profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n" +
		"[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.invalid/start\n"
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", cfg)
	t.Setenv("HOME", dir)
	s := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), "") })
	scope := s.scope()
	scope.Profile = "sso"
	f := faultOf(t, changeOnce(t.Context(), dial(t, scope)))
	if f.Consequence != bluegreen.Fatal || (f.Code != ExpiredToken && f.Code != NoCredentials) {
		t.Errorf("%v, %s", f, f.Consequence)
	}
	noNoise(t, f)
}

func TestDialRefuses(t *testing.T) {
	for code, scope := range map[string]ScopeConfig{
		"NoRegion":    {},
		"BadRegion":   {Region: "eu west/1"},
		"BadEndpoint": {Region: "eu-west-1", EndpointURL: "127.0.0.1:5000"},
		"NoProfile":   {Region: "eu-west-1", Profile: "nobody"},
	} {
		_, err := Dial(t.Context(), scope)
		f := faultOf(t, err)
		if f.Code != code {
			t.Errorf("%s: %v", code, f)
		}
		noNoise(t, f)
	}
}

// The SDK's own variable leads to RDS; the flag overrides it.
func TestEndpoint(t *testing.T) {
	s := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), "") })
	other := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), "") })
	t.Setenv("AWS_ENDPOINT_URL_RDS", s.URL)
	if err := readOnce(t.Context(), dial(t, ScopeConfig{Region: "eu-west-1"})); err != nil || len(s.forms) != 1 {
		t.Errorf("variable: %d calls, %v", len(s.forms), err)
	}
	if err := readOnce(t.Context(), dial(t, other.scope())); err != nil || len(other.forms) != 1 {
		t.Errorf("flag: %d calls, %v", len(other.forms), err)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", other.URL)
	other.answer = func(url.Values) (int, string) { return 200, callerXML }
	if _, err := dial(t, s.scope()).CallerIdentity(t.Context()); err != nil || len(other.forms) != 2 {
		t.Errorf("STS: %d calls, %v", len(other.forms), err)
	}
}

func TestFactoryShares(t *testing.T) {
	var f Factory
	defer f.Close()
	scope := ScopeConfig{Region: "eu-west-1", AccountID: "1"}
	a, err1 := f.Client(t.Context(), scope)
	b, err2 := f.Client(t.Context(), scope)
	scope.Region = "us-east-1"
	d, err3 := f.Client(t.Context(), scope)
	if err := errors.Join(err1, err2, err3); err != nil || a != b || a == d {
		t.Errorf("%p %p %p, %v", a, b, d, err)
	}
	if _, err := f.Client(t.Context(), ScopeConfig{}); err == nil {
		t.Error("a scope without a Region passed")
	}
}

func TestAuthToken(t *testing.T) {
	token, err := dial(t, ScopeConfig{Region: "eu-west-1"}).AuthToken(t.Context(), "orders.abc.eu-west-1.rds.amazonaws.com:3306", "audit")
	if err != nil || !strings.HasPrefix(token, "orders.abc.eu-west-1.rds.amazonaws.com:3306?Action=connect&DBUser=audit&") ||
		!strings.Contains(token, "%2Feu-west-1%2Frds-db%2Faws4_request") {
		t.Errorf("%s, %v", token, err)
	}
}

func TestSecret(t *testing.T) {
	var body string
	status := 200
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer s.Close()
	c := dial(t, ScopeConfig{Region: "eu-west-1", EndpointURL: s.URL, Delay: func(int) time.Duration { return 0 }})
	body = `{"ARN":"a","Name":"n","SecretString":"{\"username\":\"audit\",\"password\":\"hunter2\",\"port\":3306}"}`
	user, password, err := c.Secret(t.Context(), "n")
	if user != "audit" || password != "hunter2" || err != nil {
		t.Errorf("%s, %s, %v", user, password, err)
	}
	for _, value := range []string{`hunter2`, `[\"hunter2\"]`, `{\"username\":\"hunter2\"}`, `{\"password\":7,\"x\":\"hunter2\"}`, ``} {
		body = `{"SecretString":"` + value + `"}`
		_, _, err := c.Secret(t.Context(), "n")
		if f := faultOf(t, err); f.Code != "SecretFormat" || strings.Contains(f.Error(), "hunter2") || f.Err != nil {
			t.Errorf("%s: %v", value, f)
		}
	}
	status, body = 400, `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`
	_, _, err = c.Secret(t.Context(), "n")
	if f := faultOf(t, err); f.Code != "ResourceNotFoundException" || f.Consequence != bluegreen.Fix {
		t.Errorf("%v, %s", f, f.Consequence)
	}
}

func TestTrace(t *testing.T) {
	var calls []Call
	s := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), "") })
	scope := s.scope()
	scope.Trace = func(c Call) { calls = append(calls, c) }
	if err := readOnce(t.Context(), dial(t, scope)); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 1 || calls[0].Op != "DescribeDBInstances" || calls[0].Service != "RDS" || calls[0].Status != 200 || calls[0].RequestID != "req-1" {
		t.Errorf("%+v", calls)
	}
}
