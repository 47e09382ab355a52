// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.io.Serial;

/** There is no plan for this model on these devices; the message says why and what would help. */
public sealed class PlanException extends RuntimeException permits ModelDoesNotFitException {
  @Serial private static final long serialVersionUID = 1L;

  private final PlanFault fault;

  PlanException(PlanFault fault, String message) {
    super(message);
    this.fault = fault;
  }

  /** The kind of fault. */
  public PlanFault fault() {
    return fault;
  }
}
