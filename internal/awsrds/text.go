package awsrds

import (
	"errors"
	"regexp"
	"strings"
	"unicode"

	"github.com/aws/smithy-go"
)

// maxMessage is the longest message of a fault, in runes. AWS's own are
// shorter; encoded authorization failures are not, and help nobody on a screen.
const maxMessage = 400

var (
	escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)`)
	markup  = regexp.MustCompile(`</?[a-zA-Z!][^<>]*>`)
)

// oneLine makes text from elsewhere fit for a terminal and a log: no escape
// sequences, no control or invisible characters, no markup, one line.
func oneLine(s string) string {
	s = escapes.ReplaceAllString(s, "")
	s = markup.ReplaceAllString(s, " ")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxMessage {
		s = string(r[:maxMessage]) + "…"
	}
	return s
}

// innermost is the text of the first cause, without what was wrapped around it.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// operation is the API action that failed: the innermost, because a call may
// need another one first, for its credentials.
func operation(err error) string {
	op := ""
	for e := new(smithy.OperationError); errors.As(err, &e); err = e.Err {
		if !strings.EqualFold(e.ServiceID, "ec2imds") {
			op = e.OperationName
		}
	}
	return op
}

// nested tells that the failure is of a call inside another: RDS's client
// could not get credentials.
func nested(err error) bool {
	var outer, inner *smithy.OperationError
	return errors.As(err, &outer) && errors.As(outer.Err, &inner)
}
