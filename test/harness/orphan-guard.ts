// Sees to it that no process or folder of a test outlives the test runner, however the runner ends (kill -9 included).
import { spawn } from "node:child_process";
import { Socket } from "node:net";

// Waits for the end of its standard input, which comes when the process that holds the other end is gone.
const KILL_GROUP = 'read -r never; kill -s KILL -- "-$1"';
const REMOVE_FOLDER = 'read -r never; rm -rf "$1" || { sleep 1; rm -rf "$1"; }';

export interface OrphanGuard {
  /** Call it when the thing guarded has been ended in the ordinary way. */
  dismiss(): void;
}

/** Kills the process group `groupId` once this process has died. */
export function guardProcessGroup(groupId: number): OrphanGuard {
  return startGuard(KILL_GROUP, String(groupId));
}

/** Removes the folder `path` once this process has died. */
export function guardFolder(path: string): OrphanGuard {
  return startGuard(REMOVE_FOLDER, path);
}

function startGuard(script: string, argument: string): OrphanGuard {
  const guard = spawn("/bin/sh", ["-c", script, "orphan-guard", argument], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  // The pipe is not written to; it must not keep this process alive.
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  return { dismiss: () => guard.kill("SIGKILL") };
}
