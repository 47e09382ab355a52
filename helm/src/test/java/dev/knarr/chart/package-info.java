// SPDX-License-Identifier: Apache-2.0
/** Tests of the Helm chart, with the real helm: what it renders, and its life on an API server. */
@NullMarked
package dev.knarr.chart;

import org.jspecify.annotations.NullMarked;
