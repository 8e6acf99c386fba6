package awsrds

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// RDS keeps events for 14 days.
const (
	eventsKept   = 14 * 24 * time.Hour
	eventsMargin = time.Hour
)

// Events are the events at or after since, oldest first as AWS gives them.
// sourceType ("db-instance", "blue-green-deployment", ...) and sourceID may be
// empty; an id needs its type.
//
// RDS counts the asked-for minutes back from its own clock, which may be far
// from ours when it is the model's. One source has few events, so all that
// are kept are asked for; for all sources together, what the server's last
// answer said of its time decides, with an hour to spare.
func (c *Client) Events(ctx context.Context, since time.Time, sourceType, sourceID string) ([]bluegreen.Event, error) {
	back := eventsKept
	if sourceID == "" {
		if d := c.wire.serverNow().Sub(since); d >= 0 {
			back = min(d+eventsMargin, eventsKept)
		}
	}
	var all []bluegreen.Event
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeEvents, &rds.DescribeEventsInput{
			Duration:   aws.Int32(int32(back.Minutes())),
			SourceType: types.SourceType(sourceType), SourceIdentifier: optional(sourceID),
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, e := range out.Events {
			if at := aws.ToTime(e.Date); !at.Before(since) {
				all = append(all, bluegreen.Event{SourceID: aws.ToString(e.SourceIdentifier),
					SourceType: string(e.SourceType), ARN: aws.ToString(e.SourceArn),
					Message: aws.ToString(e.Message), Categories: e.EventCategories, At: at})
			}
		}
		return out.Marker, nil
	})
	return all, err
}

// Log is a file of an instance's log directory.
type Log struct {
	File      string    `json:"file"`
	Written   time.Time `json:"written,omitzero"`
	Text      string    `json:"text"`
	Truncated bool      `json:"truncated,omitempty"`
}

// maxLog bounds what is read of one log: upgrade logs are small, a slow log is not.
const maxLog = 1 << 20

// LogText is the newest log of the instance whose name contains part
// (PrePatchCompatibility.log, upgradeFailure.log), from its beginning. Without
// such a log the result's File is "".
func (c *Client) LogText(ctx context.Context, instance, part string) (Log, error) {
	files, err := c.logFiles(ctx, instance, part)
	if err != nil || len(files) == 0 {
		return Log{}, err
	}
	log := slices.MaxFunc(files, func(a, b Log) int { return a.Written.Compare(b.Written) })
	var text strings.Builder
	marker := "0" // from the start; without a marker AWS sends the last lines
	for range maxPages {
		out, err := get(ctx, c.read.DownloadDBLogFilePortion, &rds.DownloadDBLogFilePortionInput{
			DBInstanceIdentifier: aws.String(instance), LogFileName: aws.String(log.File), Marker: aws.String(marker)})
		if err != nil {
			return Log{}, err
		}
		text.WriteString(aws.ToString(out.LogFileData))
		next := aws.ToString(out.Marker)
		if !aws.ToBool(out.AdditionalDataPending) {
			break
		}
		if text.Len() >= maxLog || next == "" || next == marker {
			log.Truncated = true
			break
		}
		marker = next
	}
	log.Text = text.String()
	if len(log.Text) > maxLog {
		log.Text, log.Truncated = strings.ToValidUTF8(log.Text[:maxLog], ""), true
	}
	return log, nil
}

// Trail is a client as the engine's port wants it: log texts without their
// bookkeeping.
type Trail struct{ *Client }

// LogText is the text of Client.LogText, "" without such a log.
func (t Trail) LogText(ctx context.Context, instance, part string) (string, error) {
	l, err := t.Client.LogText(ctx, instance, part)
	return l.Text, err
}

func (c *Client) logFiles(ctx context.Context, instance, part string) ([]Log, error) {
	var all []Log
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBLogFiles, &rds.DescribeDBLogFilesInput{
			DBInstanceIdentifier: aws.String(instance), FilenameContains: optional(part),
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, f := range out.DescribeDBLogFiles {
			if name := aws.ToString(f.LogFileName); strings.Contains(name, part) {
				all = append(all, Log{File: name, Written: time.UnixMilli(aws.ToInt64(f.LastWritten)).UTC()})
			}
		}
		return out.Marker, nil
	})
	return all, err
}
