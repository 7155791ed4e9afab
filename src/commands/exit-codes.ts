export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
/** EX_USAGE of sysexits.h. */
export const EXIT_WRONG_USAGE = 64;
/** EX_CONFIG of sysexits.h. */
export const EXIT_WRONG_SETTINGS = 78;
