import { lazy, type ReactElement, Suspense, useEffect, useRef, useState } from 'react';
import { SWRConfig } from 'swr';
import { SWR_OPTIONS, signOut, useApi, useLiveData, useSession } from './lib/data.ts';
import { listenForKeys, moveFocus, useKeys } from './lib/keys.ts';
import { useLinkSince, useLinkState } from './lib/live.ts';
import { navigate, usePlace } from './lib/router.ts';
import { setTheme, THEMES, useTheme } from './lib/theme.ts';
import { useToast } from './lib/toast.ts';
import type { Session, Status } from './lib/types.ts';
import { Boundary } from './ui/boundary.tsx';
import { Icon, type IconName } from './ui/icons.tsx';
import { Link } from './ui/link.tsx';
import { Loading } from './ui/states.tsx';
import { Ago } from './ui/time.tsx';
import { IncidentView } from './views/incident.tsx';
import { Incidents } from './views/incidents.tsx';
import { KeysDialog } from './views/keys-dialog.tsx';
import { Now } from './views/now.tsx';
import { SignInDialog, SignInView } from './views/sign-in.tsx';

const NAV: readonly { readonly path: string; readonly name: string; readonly icon: IconName }[] = [
  { path: '/', name: 'Now', icon: 'now' },
  { path: '/timeline', name: 'Timeline', icon: 'timeline' },
  { path: '/incidents', name: 'Incidents', icon: 'incidents' },
  { path: '/trust', name: 'Trust', icon: 'trust' },
  { path: '/cost', name: 'Cost', icon: 'cost' },
  { path: '/containers', name: 'Containers', icon: 'containers' },
];

const LATER = {
  timeline: () => import('./views/timeline.tsx'),
  trust: () => import('./views/trust.tsx'),
  cost: () => import('./views/cost.tsx'),
  containers: () => import('./views/containers.tsx'),
};
const TimelineView = lazy(async () => ({ default: (await untilRead(LATER.timeline)).TimelineView }));
const Trust = lazy(async () => ({ default: (await untilRead(LATER.trust)).Trust }));
const Cost = lazy(async () => ({ default: (await untilRead(LATER.cost)).Cost }));
const Containers = lazy(async () => ({ default: (await untilRead(LATER.containers)).Containers }));
/** The other views are read when the first one is there: they then appear at once, also while the agent is away. */
const READ_LATER_MS = 300;
const READ_AGAIN_MS = 2_000;

/** While the agent is away, a view that was not read yet is loading. */
async function untilRead<T>(read: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS));
    }
  }
}

export function App(): ReactElement {
  return (
    <SWRConfig value={SWR_OPTIONS}>
      <Shell />
    </SWRConfig>
  );
}

type OpenDialog = 'keys' | 'sign-in' | undefined;

function Shell(): ReactElement {
  const { path } = usePlace();
  const session = useSession();
  const { data: status, error } = useApi('status', '/status');
  const mustSignIn = session === undefined ? error?.status === 401 : session.can_sign_in && !session.signed_in;
  const [dialog, setDialog] = useState<OpenDialog>();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useLiveData(status !== undefined && !mustSignIn);
  useEffect(listenForKeys, []);
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const read of Object.values(LATER)) void read().catch(() => undefined);
    }, READ_LATER_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    // So that screen readers and the keyboard continue in the new view.
    if (shown.current !== path) main.current?.focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
  useKeys([
    { key: '?', what: 'show this list', run: () => setDialog('keys') },
    ...NAV.map(({ path: to, name }, index) => ({
      key: String(index + 1),
      what: `go to ${name}`,
      run: () => navigate(to),
    })),
    { key: 'j', what: 'next entry', run: () => moveFocus(1) },
    { key: 'k', what: 'previous entry', run: () => moveFocus(-1) },
    { key: 't', what: 'change the colours: system, light, dark', run: nextTheme },
    ...(session?.can_sign_in && !session.signed_in
      ? [{ key: 's', what: 'sign in', run: () => setDialog('sign-in') }]
      : []),
  ]);

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="side">
        <Link className="brand" href="/">
          <Logo />
          <span>Container Doctor</span>
        </Link>
        <nav className="nav" aria-label="Views">
          {NAV.map(({ path: to, name, icon }) => (
            <Link key={to} href={to} aria-current={isWithin(path, to) ? 'page' : undefined}>
              <Icon name={icon} />
              {name}
              {to === '/incidents' && status && status.open_incidents_of_fleet > 0 ? (
                <span className="count">
                  {status.open_incidents_of_fleet}
                  <span className="sr"> open</span>
                </span>
              ) : null}
            </Link>
          ))}
        </nav>
        <Tools session={session} status={status} onOpen={setDialog} />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {mustSignIn ? (
          <SignInView />
        ) : (
          <>
            <OfflineBanner />
            <Boundary resetOn={path}>
              <Suspense fallback={<Loading what="the view" />}>
                <View path={path} />
              </Suspense>
            </Boundary>
          </>
        )}
      </main>
      <Toast />
      {dialog === 'keys' ? <KeysDialog onClose={() => setDialog(undefined)} /> : null}
      {dialog === 'sign-in' ? <SignInDialog session={session} onClose={() => setDialog(undefined)} /> : null}
    </div>
  );
}

function View({ path }: { readonly path: string }): ReactElement {
  const name = NAV.find(({ path: to }) => to === path)?.name ?? 'Incident';
  useEffect(() => {
    document.title = `${name} · Container Doctor`;
  }, [name]);
  const [, id] = /^\/incidents\/([^/]+)$/.exec(path) ?? [];
  if (id !== undefined) return <IncidentView id={decoded(id)} key={id} />;
  switch (path) {
    case '/timeline':
      return <TimelineView />;
    case '/incidents':
      return <Incidents />;
    case '/trust':
      return <Trust />;
    case '/cost':
      return <Cost />;
    case '/containers':
      return <Containers />;
    default:
      return <Now />;
  }
}

function Tools({
  session,
  status,
  onOpen,
}: {
  readonly session: Session | undefined;
  readonly status: Status | undefined;
  readonly onOpen: (dialog: OpenDialog) => void;
}): ReactElement {
  const theme = useTheme();
  const icon = theme === 'light' ? 'sun' : theme === 'dark' ? 'moon' : 'screen';
  return (
    <div className="tools">
      <LinkStateLine status={status} />
      {session?.signed_in ? (
        <button type="button" className="btn quiet" onClick={() => void signOut(session)}>
          <Icon name="key" size={16} />
          <span className="word">Sign out</span>
        </button>
      ) : (
        <button type="button" className="btn quiet" onClick={() => onOpen('sign-in')}>
          <Icon name="key" size={16} />
          <span className="word">{session?.can_sign_in ? 'Sign in' : 'Read-only'}</span>
        </button>
      )}
      <button type="button" className="btn quiet" onClick={nextTheme}>
        <Icon name={icon} size={16} />
        <span className="word">Colours: {theme}</span>
      </button>
      <button type="button" className="btn quiet keys" onClick={() => onOpen('keys')}>
        <Icon name="keyboard" size={16} />
        <span>
          Keys <kbd>?</kbd>
        </span>
      </button>
    </div>
  );
}

function LinkStateLine({ status }: { readonly status: Status | undefined }): ReactElement {
  const state = useLinkState();
  const look = {
    live: { icon: 'dot', tone: 'good', word: 'live' },
    connecting: { icon: 'waiting', tone: 'plain', word: 'connecting' },
    offline: { icon: 'bad', tone: 'bad', word: 'offline' },
  } as const;
  const { icon, tone, word } = look[state];
  return (
    <div className="link-state" title={status ? `version ${status.version}` : undefined}>
      <span className={`status ${tone}`}>
        <Icon name={icon} size={13} />
        <span>{word}</span>
      </span>
    </div>
  );
}

function OfflineBanner(): ReactElement {
  const state = useLinkState();
  const since = useLinkSince();
  return (
    <div role="status">
      {state === 'offline' ? (
        <div className="banner">
          <Icon name="medium" />
          <span>
            No connection to the agent. This page shows what it last said, <Ago at={since} />, and continues by itself.
          </span>
        </div>
      ) : null}
    </div>
  );
}

function Toast(): ReactElement {
  return (
    <div className="toast" role="status">
      {useToast()}
    </div>
  );
}

function Logo(): ReactElement {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" fill="#5753c6" />
      <path
        d="M6 17h5l3-8 5 14 3-6h4"
        fill="none"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // Somebody has typed it; no incident has such an id.
    return id;
  }
}

function nextTheme(): void {
  const now = THEMES.find((theme) => theme === document.documentElement.dataset.theme) ?? 'system';
  setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] ?? 'system');
}

function isWithin(path: string, to: string): boolean {
  return to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`);
}
