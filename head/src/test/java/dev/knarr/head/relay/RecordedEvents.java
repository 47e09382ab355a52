// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Keeps what a relay tells. */
final class RecordedEvents implements RelayListener {

  final List<String> failures = new CopyOnWriteArrayList<>();
  final List<String> tensors = new CopyOnWriteArrayList<>();
  final List<String> unlinked = new CopyOnWriteArrayList<>();

  @Override
  public void workerFailed(String worker, String how) {
    failures.add(worker + " " + how);
  }

  @Override
  public void tensorSet(String worker, int device, String tensor, long bytes, boolean known) {
    tensors.add(worker + "/" + device + " " + tensor + " " + bytes);
  }

  @Override
  public void linkFailed(String worker) {
    unlinked.add(worker);
  }

  @Override
  public void detour(String from, String to) {
    unlinked.add(from + " to " + to);
  }
}
