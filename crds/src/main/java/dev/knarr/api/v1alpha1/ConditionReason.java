// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * Why a condition is what it is. One list for all conditions, for the head's own reasons and for
 * events; each has an entry of the same name in the troubleshooting guide.
 */
public enum ConditionReason {
  /** Everything is as the spec asks. */
  AS_PLANNED,
  /** The spec asks for no replicas, so nothing runs. */
  STOPPED,
  /** What comes before in the order of things is not done yet. */
  WAITING,

  /** The model is being fetched. */
  MODEL_FETCHING,
  /** The files of the model are being checked. */
  MODEL_VERIFYING,
  /** The model's file is not where the source says. */
  MODEL_NOT_FOUND,
  /** The server refuses to give the model to whom it does not know. */
  MODEL_ACCESS_DENIED,
  /** A fetched file has another checksum than the one expected. */
  MODEL_CHECKSUM_MISMATCH,
  /** The storage is too small for the model. */
  MODEL_NO_SPACE,
  /** The server that has the model cannot be reached. */
  MODEL_SERVER_UNREACHABLE,
  /** The model file cannot be read or is not a model. */
  MODEL_UNREADABLE,
  /** The cluster's API server drops image volumes. */
  IMAGE_VOLUMES_UNSUPPORTED,
  /** A claim is not bound, or not there. */
  CLAIM_PENDING,
  /** The devices that answered have not enough memory for the model. */
  MODEL_DOES_NOT_FIT,

  /** Workers have not answered yet. */
  WORKERS_STARTING,
  /** A worker does not answer. */
  WORKER_UNREACHABLE,
  /** A worker answers, but not as one that can be used. */
  WORKER_UNSUITABLE,
  /** A worker that was in use closed its connection or vanished. */
  WORKER_LOST,
  /** The workers offer more devices than llama-server can use. */
  TOO_MANY_DEVICES,
  /** The spec names a device that its worker does not have. */
  UNKNOWN_DEVICE,
  /** The worker cannot write to its tensor cache. */
  CACHE_NOT_WRITABLE,

  /** The head has not said anything yet. */
  HEAD_STARTING,
  /** The head proves workers and llama-server. */
  HEAD_PROVING,
  /** llama-server brings the weights to the workers. */
  MODEL_LOADING,
  /** The head cannot be reached, or another answers at its address. */
  HEAD_UNREACHABLE,
  /** The head's configuration cannot be used. */
  CONFIG_INVALID,
  /** An argument for llama-server contradicts what the plan sets. */
  ARGUMENT_REFUSED,
  /** The llama-server of the image has no RPC, or another version of it. */
  HEAD_IMAGE_UNSUITABLE,
  /** The port of the endpoint is in use. */
  ENDPOINT_TAKEN,
  /** llama-server ended by itself. */
  LLAMA_SERVER_ENDED,
  /** llama-server is running, but has stopped making progress. */
  LLAMA_SERVER_STALLED,
  /** The head was asked to stop. */
  STOP_REQUESTED,

  /** The pods get what a changed spec asks for. */
  ROLLING_OUT,
  /** Running answers are finished before pods end. */
  DRAINING,

  /** An image cannot be pulled. */
  IMAGE_PULL_FAILED,
  /** No node has what a pod asks for. */
  UNSCHEDULABLE,
  /** A pod is held back by a scheduling gate, as queues set them. */
  QUEUED,
  /** Quota or pod security refuses the pods. */
  PODS_REFUSED,
  /** A container ends again and again. */
  CONTAINER_CRASHES,
  /** A container used more memory than it may. */
  OUT_OF_MEMORY,
  /** A volume or Secret that a pod mounts is not there. */
  MOUNT_FAILED,
  /** The node of a pod does not answer any more. */
  NODE_LOST,

  /** An object of a name that is needed belongs to somebody else. */
  NAME_TAKEN,
  /** The spec breaks a rule that an older definition did not check. */
  SPEC_INVALID,
  /** The Kubernetes API refuses what the operator asks for. */
  API_REFUSED,
  /** Something Knarr did not expect: a fault of Knarr. */
  INTERNAL_ERROR;

  private final String value = camelCase(name());

  private static String camelCase(String name) {
    var text = new StringBuilder();
    for (var word : name.split("_")) {
      text.append(word.charAt(0)).append(word.substring(1).toLowerCase(Locale.ROOT));
    }
    return text.toString();
  }

  /** The reason as it stands in the status, such as {@code ModelDoesNotFit}. */
  public String value() {
    return value;
  }

  /** The reason of this text, when there is one. */
  public static Optional<ConditionReason> of(String text) {
    return Arrays.stream(values()).filter(reason -> reason.value.equals(text)).findFirst();
  }
}
