// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/** Why there is no plan. */
public enum PlanFault {
  /** Nothing to place layers on. */
  NO_DEVICES,
  /** More devices than llama.cpp can use beside its own. */
  TOO_MANY_DEVICES,
  /** A fixed split that has another number of layers, or cannot be made at all. */
  SPLIT_MISMATCH,
  /** A fixed split that names a device which is not there. */
  UNKNOWN_DEVICE,
  /** The devices have too little free memory. */
  DOES_NOT_FIT
}
