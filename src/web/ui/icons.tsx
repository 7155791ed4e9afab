/** Icons and status shapes: 20 units square, drawn with the current colour. They never stand without a word. */
import type { ReactElement } from 'react';

const PATHS = {
  now: 'M2.5 11h3.6l2.2-6 3.4 10 2.3-6h3.5',
  timeline: 'M3 5h7M6 10h9M9 15h8M3 10h.01M3 15h3',
  incidents: 'M10 6.2v4.6M10 13.8h.01M10 2.6 17.8 16.6H2.2Z',
  trust: 'M10 2.5 16.5 5v4.6c0 4-2.7 6.6-6.5 7.9-3.8-1.3-6.5-3.9-6.5-7.9V5Zm-2.8 7.4 2 2 3.7-4',
  cost: 'M10 2.8v14.4M13.6 6.2C13 5 11.8 4.5 10 4.500c-2.1 0-3.6 1-3.6 2.6 0 3.8 7.4 1.8 7.4 5.7 0 1.7-1.6 2.7-3.8 2.7-2 0-3.3-.7-3.9-2',
  containers: 'M10 2.6 16.8 6.200v7.600L10 17.4 3.2 13.800V6.200Zm0 7.400v7.400M10 10 3.4 6.300M10 10l6.6-3.7',
  good: 'M10 2.500a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15Zm-3.3 7.7 2.3 2.3 4.4-4.8',
  high: 'M6.9 2.500h6.200l4.4 4.400v6.200l-4.4 4.400H6.900l-4.4-4.400V6.900ZM10 6.400v4.200M10 13.500h.01',
  medium: 'M10 2.9 17.7 16.500H2.300ZM10 7.800v3.600M10 13.900h.01',
  low: 'M10 3.200a6.8 6.8 0 1 1 0 13.6 6.8 6.8 0 0 1 0-13.600ZM6.8 10h6.4',
  bad: 'M10 2.500a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15ZM7.4 7.400l5.2 5.200M12.6 7.400l-5.2 5.2',
  unknown:
    'M10 2.500a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15ZM7.9 8.100c.1-1.2 1-1.9 2.2-1.900s2.1.7 2.1 1.800c0 1.5-2.1 1.6-2.1 3.100M10.1 13.700h.01',
  waiting: 'M5.5 2.800h9M5.5 17.200h9M6.7 2.800c0 4.6 6.6 4.6 6.6 9.200v5.200M13.3 2.800c0 4.6-6.6 4.6-6.6 9.200v5.2',
  restart: 'M16.5 10a6.5 6.5 0 1 1-2.1-4.800M16.6 2.700v3.700h-3.7',
  deployment: 'M10 2.6 17.4 10 10 17.4 2.6 10Z',
  absence: 'M3 3l14 14M3 9l8 8M9 3l8 8',
  sun: 'M10 6.500a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.5 10H18M4.3 4.300l1.1 1.100M14.6 14.600l1.1 1.100M15.7 4.300l-1.1 1.100M5.4 14.600l-1.1 1.1',
  moon: 'M16.5 11.800A6.9 6.9 0 0 1 8.2 3.500a6.9 6.9 0 1 0 8.3 8.300Z',
  screen: 'M3 4h14v9.500H3ZM7.5 17h5M10 13.500V17',
  key: 'M12.6 3.200a4.2 4.2 0 1 1-3.9 5.800L2.8 15v2.200h3v-2h2v-2h1.600l.9-.900M13.7 6.300h.01',
  keyboard: 'M2.5 5h15v10h-15ZM5.5 8h.01M8.5 8h.01M11.5 8h.01M14.5 8h.01M6.5 12h7',
  snooze: 'M10 3.500a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM10 6.500V10l2.5 1.5',
  open: 'M8 4H4v12h12v-4M11 3.500h5.500V9M16 4l-7 7',
  dot: 'M10 5.500a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Z',
  link: 'M8 12l4-4M6.5 9.5 4.9 11a3 3 0 0 0 4.2 4.200l1.5-1.600M13.5 10.5 15.1 9a3 3 0 0 0-4.2-4.200L9.4 6.4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }): ReactElement {
  return (
    <svg
      viewBox="0 0 20 20"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function iconPath(name: IconName): string {
  return PATHS[name];
}
