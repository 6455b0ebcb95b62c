// A relying party made of the unmodified npm package `openid-client`, and a person with a browser beside it.
// Reads one JSON object from standard input, prints one.
import * as client from 'openid-client'
import { readFileSync } from 'node:fs'

const given = JSON.parse(readFileSync(0, 'utf8'))
const jar = new Map()

async function visit(url, form) {
  const answer = await fetch(new URL(url, given.base), {
    method: form ? 'POST' : 'GET',
    body: form ? new URLSearchParams(form) : undefined,
    headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
    redirect: 'manual',
  })
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/)
    jar.set(name, value)
  }
  return answer
}

// Fill in the page's form, send it, and say where that leads.
async function submit(url, values) {
  const page = await (await visit(url)).text()
  const form = page.match(/<form method="post" action="(\/(?:login|oauth2)[^"]*)"[^]*?<\/form>/)
  const fields = Object.fromEntries(
    [...form[0].matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name,
      value.replaceAll('&amp;', '&'),
    ]),
  )
  return (await visit(form[1], { ...fields, ...values })).headers.get('location')
}

async function logIn(url) {
  const next = (await visit(url)).headers.get('location')
  if (next === null) return new URL(await submit(url, { answer: 'allow' }))
  if (!next.startsWith('/login')) return new URL(next)
  const half = await submit(next, { login: given.login, password: given.password })
  return new URL(await submit(await submit(half, { code: given.code }), { answer: 'allow' }))
}

async function configure(id, authentication) {
  return client.discovery(new URL(given.base), id, undefined, authentication, { execute: [client.allowInsecureRequests] })
}

async function codeFlow(config, redirectUri, scope, pushed) {
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const verifier = client.randomPKCECodeVerifier()
  const expected = { state: client.randomState(), nonce: client.randomNonce() }
  const parameters = {
    redirect_uri: redirectUri,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...expected,
  }
  const url = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    : client.buildAuthorizationUrl(config, parameters)
  const callback = await logIn(url)
  const checks = { pkceCodeVerifier: verifier, expectedState: expected.state, expectedNonce: expected.nonce }
  const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, { DPoP })
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP })
  return { tokens, info, DPoP }
}

const key = await crypto.subtle.importKey('jwk', given.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const service = await configure(given.service.id, client.PrivateKeyJwt({ key, kid: given.kid }))
const { tokens, info } = await codeFlow(service, given.service.redirect_uri, 'openid', true)

const own = client.getDPoPHandle(service, await client.randomDPoPKeyPair('ES256'))
const itself = await client.clientCredentialsGrant(service, { scope: 'personal:store' }, { DPoP: own })

const app = await configure(given.touch_point.id, client.None())
const resident = await codeFlow(app, given.touch_point.redirect_uri, 'openid consent', false)
const renewed = await client.refreshTokenGrant(app, resident.tokens.refresh_token, undefined, { DPoP: resident.DPoP })
const consents = await client.fetchProtectedResource(
  app, renewed.access_token, new URL('/consent/v1/consents', given.base), 'GET', null, undefined, { DPoP: resident.DPoP },
)
await client.tokenRevocation(app, renewed.refresh_token)
let after = null
try {
  await client.refreshTokenGrant(app, renewed.refresh_token, undefined, { DPoP: resident.DPoP })
} catch (error) {
  after = error.error
}

console.log(JSON.stringify({
  subject: tokens.claims().sub,
  acr: tokens.claims().acr,
  userinfo: info.sub,
  type: tokens.token_type,
  scope: itself.scope,
  other_subject: resident.tokens.claims().sub,
  consents: consents.status,
  after,
}))
