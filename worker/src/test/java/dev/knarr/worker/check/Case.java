// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An operation and what must become of it.
 *
 * @param fault why it is refused, null when it is accepted
 */
record Case(String what, RpcTensor result, List<RpcTensor> sources, @Nullable ProtocolFault fault) {
  static Case accepted(String what, Draft result, Draft... sources) {
    return of(what, result, null, sources);
  }

  static Case refused(ProtocolFault fault, String what, Draft result, Draft... sources) {
    return of(what, result, fault, sources);
  }

  private static Case of(
      String what, Draft result, @Nullable ProtocolFault fault, Draft... sources) {
    return new Case(what, result.build(), Arrays.stream(sources).map(Draft::build).toList(), fault);
  }

  TensorOp op() {
    return TensorOp.ofCode(result.op()).orElseThrow();
  }

  @Override
  public String toString() {
    return op() + ": " + what;
  }
}
