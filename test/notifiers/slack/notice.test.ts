import fc from 'fast-check';
import { expect, it } from 'vitest';
import { renderSlack } from '../../../src/notifiers/slack/message.ts';
import { renderSlackNotice } from '../../../src/notifiers/slack/notice.ts';
import { summarize, summaryNotice } from '../../../src/pipeline/notify/summary.ts';
import { sampleAlert } from '../../support/samples.ts';
import { arbitraryAlert, hostileText } from '../arbitrary-alert.ts';
import { problemsOf } from './block-kit.ts';

const URL_OF_PAGE = 'https://doctor.test';

it('a notice, a summary and a digest are within the limits of Slack and inert, whatever text is in them', () => {
  fc.assert(
    fc.property(fc.array(arbitraryAlert, { minLength: 1, maxLength: 20 }), hostileText, (alerts, text) => {
      const summary = summarize('flood', 0, alerts);
      expect(problemsOf(renderSlackNotice(summaryNotice(summary, 60_000, URL_OF_PAGE)))).toEqual([]);
      expect(problemsOf(renderSlackNotice({ title: text, text, heading: 'The last 24 hours', host: text }))).toEqual(
        [],
      );
    }),
    { numRuns: 100 },
  );
});

it('an alert and a summary link to the page if there is one', () => {
  const withLink = JSON.stringify(renderSlack(sampleAlert(), 0, `${URL_OF_PAGE}/incidents/inc-1`));
  expect(withLink).toContain('"url":"https://doctor.test/incidents/inc-1"');
  expect(JSON.stringify(renderSlack(sampleAlert(), 0))).not.toContain('"url"');
  const notice = renderSlackNotice({ title: 'a', text: 'b', url: URL_OF_PAGE });
  expect(JSON.stringify(notice)).toContain('"url":"https://doctor.test"');
  expect(problemsOf(notice)).toEqual([]);
});
