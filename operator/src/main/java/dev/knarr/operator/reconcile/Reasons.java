// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;

/** What kind of reason a reason is. */
final class Reasons {
  private Reasons() {}

  /** What follows from a reason. */
  enum Kind {
    /** The usual course of things. */
    COURSE,
    /** Something is wrong, and trying again may help. */
    TROUBLE,
    /** Something is wrong, and trying again cannot help. */
    PERMANENT
  }

  /** Whether trying again, as Kubernetes and the operator do, cannot help. */
  static boolean permanent(ConditionReason reason) {
    return kind(reason) == Kind.PERMANENT;
  }

  /** Whether something is wrong; a reason that is unknown here is some newer trouble. */
  static boolean trouble(String reason) {
    return ConditionReason.of(reason).map(known -> kind(known) != Kind.COURSE).orElse(true);
  }

  private static Kind kind(ConditionReason reason) {
    return switch (reason) {
      case AS_PLANNED,
          STOPPED,
          WAITING,
          MODEL_FETCHING,
          MODEL_VERIFYING,
          WORKERS_STARTING,
          HEAD_STARTING,
          HEAD_PROVING,
          MODEL_LOADING,
          STOP_REQUESTED,
          ROLLING_OUT,
          DRAINING,
          QUEUED ->
          Kind.COURSE;
      case MODEL_NOT_FOUND,
          MODEL_ACCESS_DENIED,
          MODEL_CHECKSUM_MISMATCH,
          MODEL_NO_SPACE,
          MODEL_UNREADABLE,
          IMAGE_VOLUMES_UNSUPPORTED,
          MODEL_DOES_NOT_FIT,
          WORKER_UNSUITABLE,
          TOO_MANY_DEVICES,
          UNKNOWN_DEVICE,
          CACHE_NOT_WRITABLE,
          CONFIG_INVALID,
          ARGUMENT_REFUSED,
          HEAD_IMAGE_UNSUITABLE,
          NAME_TAKEN,
          SPEC_INVALID,
          API_REFUSED ->
          Kind.PERMANENT;
      case MODEL_SERVER_UNREACHABLE,
          CLAIM_PENDING,
          WORKER_UNREACHABLE,
          WORKER_LOST,
          REDUCED_PLAN,
          HEAD_UNREACHABLE,
          ENDPOINT_TAKEN,
          LLAMA_SERVER_ENDED,
          LLAMA_SERVER_STALLED,
          IMAGE_PULL_FAILED,
          UNSCHEDULABLE,
          PODS_REFUSED,
          CONTAINER_CRASHES,
          OUT_OF_MEMORY,
          MOUNT_FAILED,
          NODE_LOST,
          INTERNAL_ERROR ->
          Kind.TROUBLE;
    };
  }

  /** Whether it says that the model is on its way. */
  static boolean fetching(String reason) {
    return reason.equals(ConditionReason.MODEL_FETCHING.value())
        || reason.equals(ConditionReason.MODEL_VERIFYING.value());
  }

  /** Whether a head that gave up for this reason means the plan. */
  static boolean ofPlan(String reason) {
    return reason.equals(ConditionReason.MODEL_DOES_NOT_FIT.value())
        || reason.equals(ConditionReason.TOO_MANY_DEVICES.value())
        || reason.equals(ConditionReason.UNKNOWN_DEVICE.value());
  }

  /** Whether a head that gave up for this reason means its workers. */
  static boolean ofWorkers(String reason) {
    return reason.equals(ConditionReason.WORKER_UNREACHABLE.value())
        || reason.equals(ConditionReason.WORKER_UNSUITABLE.value())
        || reason.equals(ConditionReason.WORKER_LOST.value());
  }
}
