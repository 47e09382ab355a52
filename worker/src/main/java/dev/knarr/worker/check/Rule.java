// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

/** What one operation needs of its result, operands and parameters. Stateless; any thread. */
@FunctionalInterface
interface Rule {
  /**
   * Refuses what the operation's kernels cannot stand.
   *
   * @throws dev.knarr.rpc.RpcProtocolException with the field, its value and the limit
   */
  void check(Operation op);
}
