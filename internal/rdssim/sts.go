package rdssim

import (
	"net/url"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	stsVersion   = "2011-06-15"
)

// serveSTS answers the two calls a client needs to come into another account.
// AssumeRole hands out a key of the role's account; a role whose name ends in
// "denied" may not be assumed.
func (s *Sim) serveSTS(who caller, name string, form url.Values) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.requests++
	id := s.requestID()
	nodes, err := s.sts(who, name, form)
	if err != nil {
		return answer{status: err.Status, contentType: "text/xml", requestID: id, body: query.ErrorResponse(stsNamespace, id, err)}
	}
	return answer{status: 200, contentType: "text/xml", requestID: id, body: query.Response(stsNamespace, name, id, nodes)}
}

func (s *Sim) sts(who caller, name string, form url.Values) ([]query.Node, *query.Error) {
	switch {
	case who.unknown:
		return nil, &query.Error{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: 403}
	case who.expired:
		return nil, &query.Error{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: 403}
	}
	switch name {
	case "GetCallerIdentity":
		return []query.Node{query.S("Arn", "arn:aws:iam::"+who.at.Account+":user/simulated"),
			query.S("UserId", "AIDASIM"+who.at.Account), query.S("Account", who.at.Account)}, nil
	case "AssumeRole":
		return s.assumeRole(form)
	}
	return nil, query.Fault("InvalidAction", "Could not find operation %s for version %s", name, stsVersion)
}

func (s *Sim) assumeRole(form url.Values) ([]query.Node, *query.Error) {
	arn := form.Get("RoleArn")
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[2] != "iam" || !strings.HasPrefix(p[5], "role/") {
		return nil, query.Fault("ValidationError", "%s is invalid", arn)
	}
	if s.accountOf(p[4]) == nil || strings.HasSuffix(p[5], "denied") {
		return nil, &query.Error{Code: "AccessDenied", Message: "User is not authorized to perform: sts:AssumeRole on resource: " + arn, Status: 403}
	}
	session := form.Get("RoleSessionName")
	role := p[5][strings.LastIndex(p[5], "/")+1:]
	return []query.Node{
		query.E("Credentials", query.S("AccessKeyId", sessionKey+p[4]), query.S("SecretAccessKey", "simulated"),
			query.S("SessionToken", "simulated-session-"+p[4]), query.Time("Expiration", s.now.Add(time.Hour))),
		query.E("AssumedRoleUser", query.S("AssumedRoleId", "AROASIM"+p[4]+":"+session),
			query.S("Arn", "arn:aws:sts::"+p[4]+":assumed-role/"+role+"/"+session)),
		query.I("PackedPolicySize", 1),
	}, nil
}
