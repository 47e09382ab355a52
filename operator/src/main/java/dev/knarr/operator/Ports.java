// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

/** The ports of the containers. */
public final class Ports {
  /** The workers' RPC port. */
  public static final int RPC = 50052;

  /** The first port at which workers add up with each other: the RPC port and a thousand. */
  public static final int FIRST_LINK = 51052;

  /** The last of these ports. */
  public static final int LAST_LINK = 52051;

  /** Metrics, health and status, of head, workers and what fetches the model. */
  public static final int MANAGEMENT = 9052;

  /** The head's endpoint; its Service may have another. */
  public static final int HTTP = 8080;

  private Ports() {}
}
