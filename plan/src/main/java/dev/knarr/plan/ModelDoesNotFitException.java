// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.io.Serial;
import java.util.List;

/** The devices have too little free memory for a model with its context. */
public final class ModelDoesNotFitException extends PlanException {
  @Serial private static final long serialVersionUID = 1L;

  private final String device;
  private final long missingBytes;
  private final transient List<String> remedies;

  ModelDoesNotFitException(String what, String device, long missingBytes, List<String> remedies) {
    super(PlanFault.DOES_NOT_FIT, what + " What would help: " + String.join("; ", remedies) + ".");
    this.device = device;
    this.missingBytes = missingBytes;
    this.remedies = List.copyOf(remedies);
  }

  /** The device that is too small; empty when it is all of them together. */
  public String device() {
    return device;
  }

  /** How much memory is missing, at least. */
  public long missingBytes() {
    return missingBytes;
  }

  /** What would help, each proven to fit; the easiest first. */
  public List<String> remedies() {
    return remedies;
  }
}
