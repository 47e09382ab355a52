// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.rpc.tensor.RpcTensor;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Keeps what a relay tells. */
public final class RecordedEvents implements RelayListener {

  final List<String> failures = new CopyOnWriteArrayList<>();
  final List<String> tensors = new CopyOnWriteArrayList<>();
  final List<String> reads = new CopyOnWriteArrayList<>();
  final List<String> unlinked = new CopyOnWriteArrayList<>();

  /** Who was called lost, and how. */
  public List<String> failures() {
    return failures;
  }

  @Override
  public void workerFailed(String worker, String how) {
    failures.add(worker + " " + how);
  }

  @Override
  public void tensorSet(String worker, int device, String tensor, long bytes, boolean known) {
    tensors.add(worker + "/" + device + " " + tensor + " " + bytes);
  }

  @Override
  public void tensorRead(String worker, RpcTensor tensor) {
    reads.add(worker + " " + tensor.name());
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
