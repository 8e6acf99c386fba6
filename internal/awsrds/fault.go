package awsrds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// The codes of faults that are not AWS's.
const (
	Unreachable    = "Unreachable"    // no connection: DNS, refused, no route
	TLSFailed      = "TLSFailed"      // certificate not accepted, or no TLS there
	Timeout        = "Timeout"        // no answer in time
	ConnectionLost = "ConnectionLost" // broken before the answer was complete
	NotRDS         = "NotRDS"         // something answered that is not RDS
	NotImplemented = "NotImplemented" // the endpoint does not know the call
	BadAnswer      = "BadAnswer"      // RDS's answer cannot be read
	ExpiredToken   = "ExpiredToken"   // also AWS's own
	NoCredentials  = "NoCredentials"
	WrongRegion    = "WrongRegion"
	WrongAccount   = "WrongAccount"
	Canceled       = "Canceled"
)

// Unsupported tells that the endpoint, Region or partition does not offer the
// call at all, so that asking again is useless and doing without is possible.
func Unsupported(err error) bool {
	var f *bluegreen.Fault
	if !errors.As(err, &f) {
		return false
	}
	switch f.Code {
	case NotImplemented, "InvalidAction", "UnknownOperationException", "UnsupportedOperation":
		return true
	}
	return false
}

// fatal are the codes that no call of the run can get past.
var fatal = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true,
	"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true, "NotAuthorized": true,
	"InvalidClientTokenId": true, "UnrecognizedClientException": true, "AuthFailure": true,
	"InvalidAccessKeyId": true, "MissingAuthenticationToken": true, "OptInRequired": true,
	"SignatureDoesNotMatch": true, "InvalidSignatureException": true, "IncompleteSignature": true,
}

// waits are the codes that another operation, once finished, makes go away.
// The codes that end in State or StateFault are found by their form.
var waits = map[string]bool{
	"InsufficientDBInstanceCapacity": true, "InsufficientDBClusterCapacityFault": true,
}

// classify turns whatever the SDK returned into a fault. change says that the
// call would have changed something; open, that it may have been sent and was
// not answered.
func classify(err error, change, open bool) *bluegreen.Fault {
	var known *bluegreen.Fault
	if errors.As(err, &known) {
		return known
	}
	f := &bluegreen.Fault{Err: err, Op: operation(err)}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		f.RequestID = resp.ServiceRequestID()
	}
	if nested(err) {
		// Credentials could not be had: the call itself was not made.
		change, open = false, false
	}
	for i, try := range []func(*bluegreen.Fault, error) (lost, ok bool){
		fromForeign, fromAPI, fromDecoding, // something answered
		fromContext, fromNetwork, fromCredentials,
	} {
		lost, ok := try(f, err)
		if !ok {
			continue
		}
		if change && lost && (open || i < 3) {
			f.Consequence = bluegreen.Ambiguous
		}
		f.Message = oneLine(f.Message)
		return f
	}
	f.Code, f.Message, f.Consequence = "Unknown", oneLine(innermost(err)), bluegreen.Fix
	if change && open {
		f.Consequence = bluegreen.Ambiguous
	}
	return f
}

// fromForeign: the answer is not AWS's. A gateway that says so may have passed
// the call on.
func fromForeign(f *bluegreen.Fault, err error) (lost, ok bool) {
	var e *foreignAnswer
	if !errors.As(err, &e) {
		return false, false
	}
	f.Message = e.Error()
	f.Code, f.Consequence = NotRDS, bluegreen.Fix
	switch {
	case e.status == http.StatusInternalServerError && e.what == "an HTML page", e.status == http.StatusNotImplemented,
		e.status < 500 && !speaksXML(e.service):
		// What serves RDS only, or not every call of it, answers like this.
		f.Code = NotImplemented
		f.Message += ": it does not seem to offer this call"
	case e.status >= 500:
		f.Consequence = bluegreen.Retry
	case e.status == http.StatusTooManyRequests:
		f.Consequence = bluegreen.Retry
		return false, true
	default:
		f.Message += ": is the endpoint URL right?"
	}
	return e.status >= 500 || e.status < 300, true
}

// fromAPI: AWS answered with a code.
func fromAPI(f *bluegreen.Fault, err error) (lost, ok bool) {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return false, false
	}
	status := 0
	var resp interface{ HTTPStatusCode() int }
	if errors.As(err, &resp) {
		status = resp.HTTPStatusCode()
	}
	f.Code, f.Message = e.ErrorCode(), e.ErrorMessage()
	_, throttled := retry.DefaultThrottleErrorCodes[f.Code]
	_, passing := retry.DefaultRetryableErrorCodes[f.Code]
	switch {
	case throttled, status == http.StatusTooManyRequests:
		f.Consequence = bluegreen.Retry
	case f.Code == "UnknownError" && status < 500:
		f.Code, f.Message, f.Consequence = NotRDS, "the endpoint answered with an error that is not RDS's", bluegreen.Fix
	case fatal[f.Code]:
		f.Consequence = bluegreen.Fatal
		explainFatal(f)
	case status >= 500, passing:
		f.Consequence = bluegreen.Retry
		return true, true
	case waits[f.Code], isStateCode(f.Code):
		f.Consequence = bluegreen.Wait
	default:
		f.Consequence = bluegreen.Fix
	}
	return false, true
}

// isStateCode recognises InvalidDBInstanceState, InvalidBlueGreenDeploymentStateFault
// and their kin. A VPC's state does not pass by itself.
func isStateCode(code string) bool {
	code = strings.TrimSuffix(code, "Fault")
	return strings.HasPrefix(code, "Invalid") && strings.HasSuffix(code, "State") && !strings.Contains(code, "VPC")
}

// explainFatal adds what AWS's text leaves out.
func explainFatal(f *bluegreen.Fault) {
	switch f.Code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		f.Code = ExpiredToken
		f.Message = "the AWS credentials have expired; log in again: " + f.Message
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		if strings.Contains(f.Message, "scoped to") {
			f.Code = WrongRegion
			f.Message = "the endpoint belongs to another Region: " + f.Message
		}
	case "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "OptInRequired":
		f.Message += " (wrong credentials, or a Region that the account has not enabled)"
	}
}

// fromContext: the caller gave up, or its deadline passed.
func fromContext(f *bluegreen.Fault, err error) (lost, ok bool) {
	switch {
	case errors.Is(err, context.Canceled):
		f.Code, f.Message = Canceled, "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Message = Timeout, "no answer in time"
	default:
		return false, false
	}
	f.Consequence = bluegreen.Retry
	return true, true
}

// fromNetwork: no connection, or one that broke.
func fromNetwork(f *bluegreen.Fault, err error) (lost, ok bool) {
	var dns *net.DNSError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	var sent interface{ ConnectionError() bool }
	f.Consequence = bluegreen.Retry
	switch {
	case errors.As(err, &dns):
		f.Code, f.Message = Unreachable, "cannot find the host "+dns.Name+": is the Region or the endpoint URL right?"
		if dns.IsNotFound {
			f.Consequence = bluegreen.Fix
		}
		return false, true
	case isTLS(err):
		f.Code, f.Message, f.Consequence = TLSFailed, "no trusted TLS connection: "+innermost(err), bluegreen.Fix
		return false, true
	case errors.As(err, &op) && op.Op == "dial":
		f.Code, f.Message = Unreachable, "cannot connect"
		if op.Addr != nil {
			f.Message += " to " + op.Addr.String()
		}
		f.Message += ": " + innermost(err)
		return false, true
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Code, f.Message = Timeout, "no answer in time"
		return true, true
	case errors.As(err, &sent):
		f.Code, f.Message = ConnectionLost, "the connection broke before the answer was complete: "+innermost(err)
		return true, true
	}
	f.Consequence = ""
	return false, false
}

// neverSent tells that the request did not leave: there was no connection.
func neverSent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	return errors.As(err, &dns) || isTLS(err) || (errors.As(err, &op) && op.Op == "dial")
}

func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &record) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// fromDecoding: an answer came, and cannot be read.
func fromDecoding(f *bluegreen.Fault, err error) (lost, ok bool) {
	var e *smithy.DeserializationError
	if !errors.As(err, &e) {
		return false, false
	}
	f.Code, f.Message, f.Consequence = BadAnswer, "the answer cannot be read: "+innermost(e), bluegreen.Retry
	return true, true
}

// fromCredentials: there is nothing to sign with.
func fromCredentials(f *bluegreen.Fault, err error) (lost, ok bool) {
	var sso *ssocreds.InvalidTokenError
	text := err.Error()
	switch {
	case errors.As(err, &sso):
		f.Code, f.Message = ExpiredToken, "the SSO session has expired or is missing; log in again (aws sso login)"
	case strings.Contains(text, "get credentials") || strings.Contains(text, "refresh cached credentials") ||
		strings.Contains(text, "retrieve credentials"):
		f.Code, f.Message = NoCredentials, "no usable AWS credentials: "+innermost(err)
		if strings.Contains(text, "IMDS") { // the last place that the SDK looks into
			f.Message = "no AWS credentials in the environment, the AWS config or the machine's role; set AWS_PROFILE or log in"
		}
	default:
		return false, false
	}
	f.Consequence = bluegreen.Fatal
	return false, true
}
