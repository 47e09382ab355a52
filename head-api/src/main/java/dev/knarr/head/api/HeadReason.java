// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonValue;

/**
 * Why the head is in its phase. The same list serves exceptions, {@code /status}, metrics tags and
 * the conditions of a cluster.
 */
public enum HeadReason {
  /** Nothing is wrong: the phase says it all. */
  AS_PLANNED("AsPlanned"),
  /** The configuration file cannot be used. */
  CONFIG_INVALID("ConfigInvalid"),
  /** An argument for llama-server contradicts what the plan sets. */
  ARGUMENT_REFUSED("ArgumentRefused"),
  /** A model file is not there. */
  MODEL_NOT_FOUND("ModelNotFound"),
  /** The model file cannot be read or is not a model. */
  MODEL_UNREADABLE("ModelUnreadable"),
  /** The devices that answered have not enough memory for the model. */
  MODEL_DOES_NOT_FIT("ModelDoesNotFit"),
  /** A worker does not answer (yet). */
  WORKER_UNREACHABLE("WorkerUnreachable"),
  /** A worker answers, but not as one that can be used. */
  WORKER_UNSUITABLE("WorkerUnsuitable"),
  /** A worker that was in use closed its connection or vanished. */
  WORKER_LOST("WorkerLost"),
  /** Requests are served without a worker that stayed away. */
  REDUCED_PLAN("ReducedPlan"),
  /** The workers offer more devices than llama-server can use. */
  TOO_MANY_DEVICES("TooManyDevices"),
  /** The split names a device that is not there. */
  UNKNOWN_DEVICE("UnknownDevice"),
  /** The llama-server at hand has no RPC, or another version of it. */
  HEAD_IMAGE_UNSUITABLE("HeadImageUnsuitable"),
  /** The address of the endpoint is in use by another program. */
  ENDPOINT_TAKEN("EndpointTaken"),
  /** llama-server ended by itself. */
  LLAMA_SERVER_ENDED("LlamaServerEnded"),
  /** llama-server is running, but has stopped making progress. */
  LLAMA_SERVER_STALLED("LlamaServerStalled"),
  /** Asked to stop: running answers are finished, new ones go elsewhere. */
  DRAINING("Draining"),
  /** The head was asked to stop. */
  STOP_REQUESTED("StopRequested"),
  /** Something the head did not expect: a fault of Knarr. */
  INTERNAL_ERROR("InternalError");

  private final String text;

  HeadReason(String text) {
    this.text = text;
  }

  /**
   * Whether its cause may pass by itself, or by what somebody does elsewhere, so that a head that
   * gave up may try again. False where only another configuration helps.
   */
  public boolean mayPass() {
    return switch (this) {
      case AS_PLANNED, REDUCED_PLAN, ARGUMENT_REFUSED, TOO_MANY_DEVICES, DRAINING, STOP_REQUESTED ->
          false;
      case MODEL_NOT_FOUND,
          MODEL_UNREADABLE,
          MODEL_DOES_NOT_FIT,
          WORKER_UNREACHABLE,
          WORKER_UNSUITABLE,
          WORKER_LOST,
          UNKNOWN_DEVICE,
          CONFIG_INVALID,
          HEAD_IMAGE_UNSUITABLE,
          ENDPOINT_TAKEN,
          LLAMA_SERVER_ENDED,
          LLAMA_SERVER_STALLED,
          INTERNAL_ERROR ->
          true;
    };
  }

  /** Returns the name used in status, metrics and conditions, such as {@code ModelDoesNotFit}. */
  @JsonValue
  public String text() {
    return text;
  }
}
