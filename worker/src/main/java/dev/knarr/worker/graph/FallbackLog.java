// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.worker.device.Device;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says once per device and operation that the CPU computes it. Any thread. */
final class FallbackLog {
  private static final Logger LOG = LoggerFactory.getLogger(FallbackLog.class);

  private final Set<String> said = ConcurrentHashMap.newKeySet();

  void fellBack(Device device, RpcTensor node) {
    var op = TensorOp.ofCode(node.op()).orElseThrow();
    if (said.add(device.name() + ' ' + op)) {
      LOG.warn(
          "{} cannot compute {} of {} with shape {}: the CPU does, which is slow (said once per"
              + " operation)",
          device.name(),
          op,
          node.tensorType(),
          node.shape());
    }
  }
}
