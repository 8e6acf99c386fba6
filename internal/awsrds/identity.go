package awsrds

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Identity is who AWS takes us for.
type Identity struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
}

// CallerIdentity asks AWS who we are: under the assumed role, if there is one.
func (c *Client) CallerIdentity(ctx context.Context) (Identity, error) {
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) {
		o.Credentials = c.creds
	})
	if err != nil {
		return Identity{}, classify(err, false, true)
	}
	return Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}, nil
}

// CheckIdentity is CallerIdentity, and a fault WrongAccount when the account is not the scope's.
func (c *Client) CheckIdentity(ctx context.Context) (Identity, error) {
	id, err := c.CallerIdentity(ctx)
	if err != nil {
		return id, err
	}
	if want := c.scope.AccountID; want != "" && id.Account != want {
		return id, &bluegreen.Fault{Code: WrongAccount, Op: "GetCallerIdentity", Consequence: bluegreen.Fatal,
			Message: fmt.Sprintf("the credentials belong to account %s (%s), not %s",
				oneLine(id.Account), oneLine(id.ARN), want)}
	}
	return id, nil
}

// AuthToken is a password for the user at endpoint (host:port) by IAM
// authentication. RDS accepts it for 15 minutes. The address must be the
// instance's own, also where a tunnel leads to it.
func (c *Client) AuthToken(ctx context.Context, endpoint, user string) (string, error) {
	token, err := auth.BuildAuthToken(ctx, endpoint, c.scope.Region, user, c.creds)
	if err != nil {
		f := classify(err, false, false)
		f.Op = "BuildAuthToken"
		return "", f
	}
	return token, nil
}

// Secret reads user and password from a Secrets Manager secret in the form
// that RDS gives its own: a JSON object with username and password. user is ""
// when the secret holds none. No error shows what the secret holds.
func (c *Client) Secret(ctx context.Context, id string) (user, password string, err error) {
	out, err := c.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		return "", "", classify(err, false, true)
	}
	var s struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	// The decoder's own error would quote the secret.
	if json.Unmarshal([]byte(aws.ToString(out.SecretString)), &s) != nil || s.Password == "" {
		return "", "", &bluegreen.Fault{Code: "SecretFormat", Op: "GetSecretValue", Consequence: bluegreen.Fix,
			Message: "secret " + oneLine(id) + " is not a JSON object with username and password"}
	}
	return s.Username, s.Password, nil
}
