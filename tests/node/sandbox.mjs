// A sandbox of a test's own: the server as it is released, in a temporary folder.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const BINARY = resolve(ROOT, process.env.PLATEN_BIN || 'target/release/platen');
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const COMMAND_MS_MAX = 30_000;
const POLL_MS = 50;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `check` brings something true, and says `what` was waited for in vain. */
export async function until(what, ms, check) {
  for (const end = Date.now() + ms; Date.now() < end; await pause(POLL_MS)) {
    const found = await check();
    if (found) return found;
  }
  throw new Error(`${what}: not within ${ms} ms`);
}

/** What a command of the binary prints. */
export async function platenText(...args) {
  const options = { timeout: COMMAND_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
  const { stdout } = await promisify(execFile)(BINARY, args, options);
  return stdout;
}

/** The same, as JSON. */
export async function platenJson(...args) {
  return JSON.parse(await platenText(...args));
}

/** Whether something listens there. */
export function listens(address) {
  const at = address.lastIndexOf(':');
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('connect', () => socket.destroy() && resolve(true));
    socket.on('close', () => resolve(false));
    socket.on('error', () => resolve(false));
  });
}

export class Sandbox {
  /** Everything that the server printed: on stdout, and its log. */
  printed = '';
  log = '';

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'platen-node-'));
    this.database = join(this.folder, 'sandbox.db');
    const args = ['sandbox', '--listen', '127.0.0.1:0', '--database', this.database];
    this.process = spawn(BINARY, args, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stdout.on('data', (chunk) => (this.printed += chunk));
    this.process.stderr.on('data', (chunk) => (this.log += chunk));
    this.process.on('error', (error) => (this.end = { error }));
    this.process.on('exit', (code, signal) => (this.end = { code, signal }));
    process.once('exit', () => this.remove());
  }

  /** Starts one and waits until it is ready. */
  static async start() {
    const sandbox = new Sandbox();
    try {
      sandbox.origin = await until('the line `listening on`', READY_MS_MAX, () => {
        if (sandbox.end) throw new Error(`the sandbox ended: ${JSON.stringify(sandbox.end)}`);
        return /^listening on (http:\/\/\S+)$/m.exec(sandbox.printed)?.[1];
      });
      const database = ['--database', sandbox.database];
      sandbox.credentials = await platenJson('credentials', ...database, '--format', 'json');
    } catch (error) {
      error.message += `\nstdout:\n${sandbox.printed}\nstderr:\n${sandbox.log}`;
      sandbox.remove();
      throw error;
    }
    return sandbox;
  }

  /** Where its bank simulator is and which process: it writes that down beside its file. */
  bank() {
    const names = existsSync(this.folder) ? readdirSync(this.folder) : [];
    const file = names.find((name) => name.endsWith('.addr'));
    return file && JSON.parse(readFileSync(join(this.folder, file), 'utf8'));
  }

  /** What the files in its folder hold, databases and logs, by name. */
  files() {
    const names = readdirSync(this.folder);
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(this.folder, name))]));
  }

  /** Asks it to stop: how it ended. */
  async stop() {
    this.process.kill('SIGTERM');
    return until('the end of the sandbox', STOP_MS_MAX, () => this.end);
  }

  /** Ends whatever is left, and removes the folder. */
  remove() {
    const left = this.end ? [] : [this.process.pid];
    const bank = this.bank();
    for (const pid of bank ? [...left, bank.pid] : left) {
      try {
        if (pid) process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
