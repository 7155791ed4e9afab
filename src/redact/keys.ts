/** Secrets that show by their own form what they are. Linear, as told in rules.ts. */

/** Keys that show by their own form what they are, from the issuers' documentation. */
export const KEYS = new RegExp(
  `(?<![A-Za-z0-9])(?:${[
    // AWS: access key ids of every kind.
    '(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA)[A-Z2-7]{16}(?![A-Za-z0-9])',
    // GitHub, GitLab.
    'gh[opsur]_[A-Za-z0-9_]{30,255}',
    'github_pat_[A-Za-z0-9_]{22,255}',
    'gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt)-[A-Za-z0-9_.-]{20,255}',
    // Slack: tokens, and the secret path of a webhook.
    'xox[a-z](?:\\.xox[a-z])?-[A-Za-z0-9-]{10,255}',
    'xapp-[A-Za-z0-9-]{10,255}',
    // Stripe, Square, Shopify.
    '[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,255}',
    'whsec_[A-Za-z0-9+/=]{16,255}',
    'sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,64}',
    'shp(?:at|ca|pa|ss)_[A-Za-z0-9]{32,64}',
    // Anthropic, OpenAI and those who copied the form; Hugging Face, Groq, xAI, Replicate.
    'sk-(?:ant|proj|svcacct|admin|or|lf)-[A-Za-z0-9_-]{16,400}',
    'sk-[A-Za-z0-9]{20,128}',
    'hf_[A-Za-z0-9]{30,64}',
    'gsk_[A-Za-z0-9]{40,64}',
    'xai-[A-Za-z0-9]{40,128}',
    'r8_[A-Za-z0-9]{30,64}',
    // Google.
    'AIza[A-Za-z0-9_-]{35}',
    'GOCSPX-[A-Za-z0-9_-]{20,64}',
    'ya29\\.[A-Za-z0-9_-]{20,2048}',
    '1//0[A-Za-z0-9_-]{30,512}',
    // Registries and mail.
    'npm_[A-Za-z0-9]{30,64}',
    'pypi-[A-Za-z0-9_-]{40,400}',
    'rubygems_[a-f0-9]{40,64}',
    'dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}',
    'SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,128}',
    'xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}',
    'key-[a-f0-9]{32}(?![A-Za-z0-9])',
    'SK[a-f0-9]{32}(?![A-Za-z0-9])',
    // Clouds and tools.
    'do[opr]_v1_[a-f0-9]{64}',
    'hv[sbr]\\.[A-Za-z0-9_-]{24,400}',
    'dapi[a-f0-9]{32}(?:-\\d)?(?![A-Za-z0-9])',
    'dp\\.(?:pt|st|ct|sa|scim|audit)\\.[A-Za-z0-9._-]{30,128}',
    'gl(?:sa|c)_[A-Za-z0-9+/=_]{32,255}',
    'sbp_[a-f0-9]{40}',
    'pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,128}',
    'lin_api_[A-Za-z0-9]{32,64}',
    'ntn_[A-Za-z0-9]{40,64}',
    'figd_[A-Za-z0-9_-]{40,255}',
    'tskey-[a-z]{2,20}-[A-Za-z0-9_-]{16,128}',
    'NRAK-[A-Z0-9]{27}',
    'ATATT3[A-Za-z0-9_=-]{40,400}',
    'AGE-SECRET-KEY-1[A-Z0-9]{58}',
    'PMAK-[a-f0-9]{24}-[a-f0-9]{34}',
    'sntry[su]_[A-Za-z0-9+/=_-]{40,400}',
    'pul-[a-f0-9]{40}(?![A-Za-z0-9])',
    '[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_-]{60,128}',
    'bk(?:ua|ct|at)_[a-f0-9]{40}',
    'phx_[A-Za-z0-9]{36,64}',
    'pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}',
    'pat-(?:na|eu|ap)\\d-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}',
    'pplx-[A-Za-z0-9]{40,64}',
    '\\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])',
  ].join('|')})`,
  'g',
);

/** JSON Web Tokens: two or three base64url parts, the first a JSON object. */
export const JWT = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3}/g;

/** Password hashes (crypt(3), Apache, Argon2, Django, PostgreSQL): not the password, but enough to guess it offline. */
export const PASSWORD_HASH =
  /\$(?:2[abxy]|argon2(?:id|i|d)|apr1|[156]|y|scrypt|pbkdf2[a-z0-9-]*)\$[A-Za-z0-9./+=$,-]{20,255}|\bpbkdf2_sha\d{1,3}\$\d{1,8}\$[A-Za-z0-9./+=$-]{20,255}|\bSCRAM-SHA-\d{1,3}\$\d{1,8}:[A-Za-z0-9/+=$:]{20,255}/g;

/** Secret paths of webhook addresses. */
export const WEBHOOK =
  /((?:hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/webhooks\/|\.webhook\.office\.com\/webhookb2\/|api\.telegram\.org\/bot))([^\s"'<>\\]{8,512})/g;
